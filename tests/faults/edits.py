"""Edits of a finished smoke study that the stale matrix makes, each as somebody would make it."""

from toy_project import STUDY, Project

LIBRARY = "workflow/weightscape"
RUN = "4_finetune/digits/efficientnet-lite0/noise/weak/seed0"


def comment(project: Project) -> None:
    """A comment in the code that every stage uses."""
    path = f"{LIBRARY}/formats/writing.py"
    project.write(path, "# A comment.\n" + (project.root / path).read_text())


def docstring(project: Project) -> None:
    """Another docstring in the code that trains."""
    path = f"{LIBRARY}/finetune/training.py"
    project.replace(path, '"""Fine-tuning: one', '"""Fine-tuning in other words: one')


def error(project: Project) -> None:
    """Another sentence for a user's error in the code that every stage uses."""
    project.replace(f"{LIBRARY}/formats/writing.py", "cannot be written", "is not to be written")


def touch(project: Project) -> None:
    """Touch every file of the project and its results."""
    for path in sorted(project.root.rglob("*")):
        if path.is_file() and ".snakemake" not in path.parts:
            path.touch()


def backwards(project: Project) -> None:
    """Times of modification in the reverse order of making, as a clock that was set back leaves them."""
    import os

    paths = sorted((path for path in project.results.rglob("*") if path.is_file()), key=lambda p: p.stat().st_mtime)
    times = [path.stat().st_mtime for path in paths]
    for path, time in zip(paths, reversed(times), strict=True):
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
        os.utime(path, (time, time))


def other_content(project: Project) -> None:
    """Another training set under the same name, with its record."""
    from weightscape.formats.json_yaml import read_json
    from weightscape.formats.shards import ImageSet, read_shard, write_shard
    from weightscape.formats.writing import digest, sha256

    folder = project.results / "1_data/digits/train"
    shard = folder / "shard-00000.safetensors"
    old = read_shard(shard)
    write_shard(shard, ImageSet(old.images[::-1].copy(), old.labels[::-1].copy()))
    record = read_json(folder / "manifest.json")
    record["outputs"][shard.name] = sha256(shard)
    record["digest"] = digest({key: value for key, value in record.items() if key != "digest"})
    import json

    project.write(str((folder / "manifest.json").relative_to(project.root)), json.dumps(record))


def tampered(project: Project) -> None:
    """One bit of a weight file."""
    path = project.results / RUN / "after.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    project.write(str(path.relative_to(project.root)), bytes(content))


def lose_metadata(project: Project) -> None:
    """Remove Snakemake's own folder."""
    import shutil

    shutil.rmtree(project.root / ".snakemake")


def copied_results(project: Project) -> None:
    """The results, copied by hand into a fresh clone."""
    import shutil

    from toy_project import new_project

    lose_metadata(project)
    for name in ("workflow", "envs"):
        shutil.rmtree(project.root / name)
    new_project(project.root)
    touch(project)


def result_of_others(project: Project) -> None:
    """One run as another machine made it, by another learning rate; Snakemake has no record of it."""
    import base64
    import json

    from weightscape.formats.json_yaml import read_json
    from weightscape.formats.writing import digest

    path = project.results / RUN / "manifest.json"
    record = {key: value for key, value in read_json(path).items() if key != "digest"}
    record["settings"]["training"]["learning_rate"] = 0.5
    record["settings_digest"] = digest(record["settings"])
    name = str(path.relative_to(project.root))
    project.write(name, json.dumps({**record, "digest": digest(record)}))
    (project.root / ".snakemake/metadata" / base64.urlsafe_b64encode(name.encode()).decode()).unlink()


def older_caption(project: Project) -> None:
    """Another caption with a time before that of the page, as rsync brings it from another machine."""
    import os

    path = "workflow/report/captions/esd.md"
    project.write(path, "Older words.\n")
    os.utime(project.root / path, (1e9, 1e9))


def other_study(project: Project) -> None:
    """Results of another study beside these."""
    project.write("results/studies/other/1_data/digits/val/manifest.json", "{}")


def new_figure(project: Project) -> None:
    """A further figure, with its module and caption."""
    source = (project.root / f"{LIBRARY}/figures/esd.py").read_text()
    project.write(f"{LIBRARY}/figures/esd_again.py", source)
    project.write("workflow/report/captions/esd_again.md", "Again.\n")
    project.set("figures", [*project.config()["figures"], "esd_again"])


def new_backbone(project: Project) -> None:
    """The same network under another name."""
    block = project.config()["backbones"]["efficientnet-lite0"]
    project.set("backbones/again", block)
    project.set("study/backbones", ["efficientnet-lite0", "again"])


def without_set(project: Project) -> None:
    """One out-of-distribution set fewer."""
    for name in ("config.yaml", STUDY):
        project.drop("data/digits/ood/blur-3", name)


def column_described(project: Project) -> None:
    """Other words for the column of a table."""
    project.replace("workflow/schemas/tables.schema.yaml", 'about: "training items"', 'about: "items"')


def table_described(project: Project) -> None:
    """Other words for a table."""
    project.replace("workflow/schemas/tables.schema.yaml", 'about: "verdict of every claim"', 'about: "verdicts"')
