from weightscape.errors import UserError as UserError
from weightscape.library.choosing import choose as choose
from weightscape.library.image_sets import diversity as diversity
from weightscape.library.image_sets import vendi as vendi
from weightscape.library.networks import esd as esd
from weightscape.library.networks import spectra as spectra
from weightscape.library.results import load_study as load_study
from weightscape.library.results import reanalyse as reanalyse
from weightscape.library.views import plot_esd as plot_esd
from weightscape.library.views import summary as summary

__version__: str
__all__: list[str]
