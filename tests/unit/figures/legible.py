"""Finds words of a drawn figure that overlap, or that leave the page."""

import itertools

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from weightscape.figures.parts import style

SLACK = 1.0  # pixels by which bounding boxes may touch


def faults(figure: Figure) -> list[str]:
    """Sentences about each pair of overlapping words and each word beyond the page, after the layout."""
    with mpl.rc_context(style.RC):
        figure.draw_without_rendering()
        boxes = [(text.get_text(), _box(text)) for text in _words(figure)]
    page = Bbox.from_bounds(-SLACK, -SLACK, figure.bbox.width + 2 * SLACK, figure.bbox.height + 2 * SLACK)
    out = [f"{word!r} leaves the page" for word, box in boxes if not _inside(box, page)]
    pairs = itertools.combinations(boxes, 2)
    return out + [f"{a!r} overlaps {b!r}" for (a, one), (b, other) in pairs if one.overlaps(other)]


def _words(figure: Figure) -> list[Text]:
    """Every word that is drawn; of the ticks those in view; not slanted words, whose boxes are too large."""
    ticks, shown = set(), []
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            ticks |= {id(text) for tick in axis.get_major_ticks() for text in (tick.label1, tick.label2)}
            shown += [text for tick in axis._update_ticks() for text in (tick.label1, tick.label2)]
        if not axes.axison:
            ticks |= {id(text) for text in axes.findobj(Text)}
    others = [text for text in figure.findobj(Text) if id(text) not in ticks]
    words = {id(text): text for text in [*shown, *others]}.values()
    return [text for text in words if text.get_visible() and text.get_text() and text.get_rotation() % 90 == 0]


def _box(text: Text) -> Bbox:
    box = text.get_window_extent()
    return Bbox([[box.x0 + SLACK, box.y0 + SLACK], [box.x1 - SLACK, box.y1 - SLACK]])


def _inside(box: Bbox, page: Bbox) -> bool:
    return page.x0 <= box.x0 and page.y0 <= box.y0 and box.x1 <= page.x1 and box.y1 <= page.y1
