"""
Names the inputs of the jobs by wildcards: files of downloads, shards, generated images, item lists and runs.
"""

from weightscape.data import digits
from weightscape.families import ITEM_FAMILIES, SYNTHETIC_FAMILIES, needs_extra
from weightscape.formats import shards as shard_files
from weightscape.metrics import table_schema
from weightscape.project import CITATION
from weightscape.provenance.file_contents import content_of
from weightscape.published import table_files
from weightscape.published.settings import FIGURES as REANALYSIS_FIGURES
from weightscape.report.settings import chapter_of
from weightscape.study import assets, doses, jobs, recipes, study
from weightscape.study.checks import own_files

AGGREGATED = table_schema.files("aggregate")
ANALYSED = table_schema.files("analyse")
REANALYSED = table_schema.files("reanalyse")


def corrupted():
    """A pattern of the splits that are corruptions, each behind the name of its data set."""
    splits = [
        rf"(?<=/{re.escape(names['dataset'])}/){re.escape(names['split'])}"
        for names in jobs.names_of(config, "corrupt")
    ]
    return "|".join(splits) or "(?!)"


def records(rule):
    """The records that the study's jobs of a rule make."""
    return [f"<results>/{place}" for place in jobs.places(config, rule)]


def fetched(names):
    """The records of downloads."""
    return [f"<results>/1_data/fetched/{name}.json" for name in names]


def fetched_data(wildcards):
    """The download that a split is read from; nothing for files that are there."""
    return fetched(assets.of_data(config, wildcards.dataset))


def fetched_backbone(wildcards):
    """The download of a backbone's weights; nothing for those from a package or a file."""
    return fetched(assets.of_backbone(config, wildcards.backbone))


def weights_file(wildcards):
    """The file of the user's weights that a backbone names."""
    weights = config["backbones"][wildcards.backbone]["weights"]
    return [] if weights in own_files.KEYWORDS else [weights]


def decoding_threads(wildcards):
    """Packaged digits are decoded; files are read by several processes."""
    return 1 if config["data"][wildcards.dataset]["source"] in digits.SIZES else 4


def compared_shards(wildcards):
    """The shards of the splits in which a split's images must have no copies."""
    splits = study.compared_splits(wildcards.split)
    return [path for split in splits for path in shards(wildcards.dataset, split)]


def manifests(dataset, splits):
    """The records of some splits of a data set."""
    return [f"<results>/1_data/{dataset}/{split}/manifest.json" for split in splits]


def compared_records(wildcards):
    """The records of these splits."""
    return manifests(wildcards.dataset, study.compared_splits(wildcards.split))


def read_records():
    """The records of all splits that the page tells of."""
    return [
        path
        for dataset in config["study"]["datasets"]
        for path in manifests(dataset, study.read_splits(config, dataset))
    ]


def copies_limit(wildcards):
    """The share of a split that may be copies."""
    return config["data"][wildcards.dataset]["copies"]


def shards(dataset, split):
    """The files of a split."""
    names = shard_files.shard_names(config["study"]["shards"])
    return [f"<results>/1_data/{dataset}/{split}/{name}" for name in names]


def generated(dataset, recipe, ending):
    """The generator's shards of one recipe, or the records beside them, by `ending`."""
    folder = (
        f"<results>/2_generate/{dataset}/{config['generate']['name']}/recipe-{recipe}"
    )
    return [
        f"{folder}/shard-{number:05d}.{ending}"
        for number in range(config["generate"]["shards"])
    ]


def generator_files(name):
    """A file of the generator that was trained here, as an input function; nothing for a pipeline of diffusers."""
    if config["generate"]["kind"] != "ddpm":
        return []
    return f"<results>/2_generate/{{dataset}}/{{generator}}/model/{name}"


def generator_assets(wildcards):
    """The records of the pipeline and of the gate's model."""
    return fetched(assets.of_generator(config))


def generator_train(kind):
    """The real training set, where a pipeline or the gate needs it: its shards or its manifest."""
    block = config["generate"]
    if block["kind"] == "ddpm" and block["gate"]["classifier"] == "none":
        return []
    if kind == "shards":
        return shards("{dataset}", "train")
    return "<results>/1_data/{dataset}/train/manifest.json"


def gate_judge(name):
    """A file of the judge, where the gate asks it."""
    judged = config["generate"]["gate"]["classifier"] == "judge"
    return f"<results>/2_generate/{{dataset}}/judge/{name}" if judged else []


def all_generated(ending):
    """The same over all recipes, as an input function."""
    return lambda wildcards: [
        path
        for recipe in recipes.names(config)
        for path in generated(wildcards.dataset, recipe, ending)
    ]


def synthetic(ending):
    """The synthetic shards or records that a condition draws from; nothing for conditions without."""

    def paths(wildcards):
        if wildcards.family not in SYNTHETIC_FAMILIES:
            return []
        recipe = doses.item_change(config, wildcards.family, wildcards.dose).recipe
        return generated(wildcards.dataset, recipe, ending)

    return paths


def synthetic_quality(wildcards):
    """The record of the quality of the images that a condition draws from, which must have passed its floor."""
    if wildcards.family not in SYNTHETIC_FAMILIES:
        return []
    generator = config["generate"]["name"]
    return [f"<results>/2_generate/{wildcards.dataset}/{generator}/manifest.json"]


def extra(ending):
    """The further real images that a condition draws from, or their record; nothing for conditions without."""

    def paths(wildcards):
        if not needs_extra(wildcards.family):
            return []
        if ending == "json":
            return [f"<results>/1_data/{wildcards.dataset}/extra/manifest.json"]
        return shards(wildcards.dataset, "extra")

    return paths


def choice_weights(name):
    """A file of the backbone in whose embedding a condition's images are chosen; nothing for others."""

    def paths(wildcards):
        backbone = doses.chosen_by(config, wildcards.family, wildcards.dose)
        return [f"<results>/1_data/backbones/{backbone}/{name}"] if backbone else []

    return paths


def further(ending):
    """The images that a condition draws from beside the training set: its synthetic shards or further real images."""
    generated, real = synthetic(ending), extra(ending)
    return lambda wildcards: [*generated(wildcards), *real(wildcards)]


def items_folder(dataset, family, dose, seed):
    """The folder of the item list that a run is trained on; conditions that leave the data alone share one."""
    if family in ITEM_FAMILIES:
        return f"<results>/3_assemble/{dataset}/{family}/{dose}/seed{seed}"
    return f"<results>/3_assemble/{dataset}/real"


def items(name):
    """A file of a run's item list, as an input function."""
    return lambda w: f"{items_folder(w.dataset, w.family, w.dose, w.seed)}/{name}"


def items_of_seeds(name):
    """The same for all seeds of a condition."""
    return lambda w: [
        f"{items_folder(w.dataset, w.family, w.dose, seed)}/{name}"
        for seed in doses.seeds(config, w.family)
    ]


def diversity_gpus(wildcards):
    """A GPU where images of a condition are embedded."""
    return int(study.embeds(config, wildcards.family, wildcards.dose))


def evaluated_splits(wildcards):
    """The manifests of the splits that runs are evaluated on."""
    dataset = wildcards.dataset
    return manifests(dataset, study.evaluated_splits(config, dataset))


def evaluated_shards(wildcards):
    """The files of those splits."""
    names = study.evaluated_splits(config, wildcards.dataset)
    return [path for split in names for path in shards(wildcards.dataset, split)]


def qualities():
    """The quality of each data set's generator, where the study has one."""
    return [
        path.replace("/manifest.json", "/quality.json")
        for path in records("measure_quality")
    ]


def citation():
    """The file of the works that the page asks to cite, if it is there."""
    return [CITATION.name] if CITATION.is_file() else []


def captions():
    """The captions of the study's figures."""
    return expand("workflow/report/captions/{figure}.md", figure=config["figures"])


def report_parts():
    """Template, style, script, charts and methods of the page."""
    return sorted(
        f"workflow/report/{path.name}"
        for path in Path("workflow/report").iterdir()
        if path.is_file() and not path.name.startswith(".")
    )


def figure_chapter(wildcards):
    """The chapter of Snakemake's own report that a figure stands in: as on the page."""
    return chapter_of(wildcards.figure)


def contents_of(stage, *files):
    """Digest of input files by their bytes, as a param: what is replaced by an older file makes its stage stale, too.

    It takes no `input`, for Snakemake does not record params that follow from its input.
    """
    return content_of(Path(), [Path(path) for path in files], stage)


def runs_of(wildcards):
    """The records of a condition's runs."""
    return [
        f"<results>/{jobs.BY_RULE['finetune'].place({**wildcards, 'seed': seed})}"
        for seed in doses.seeds(config, wildcards.family)
    ]


def measures(wildcards):
    """The records of what is measured at the weights of a condition's runs."""
    return [
        f"<results>/{place}"
        for seed in doses.seeds(config, wildcards.family)
        for place in jobs.measures_of(config, {**wildcards, "seed": seed})
    ]


def dropped():
    """The records of the conditions whose weights go once they are measured."""
    return [] if config["study"]["start"] == "tables" else records("drop_weights")


def drawn_figures():
    """The figures' files, so that one that was deleted is drawn again; published tables have figures of their own."""
    figures = config["figures"] if config["study"]["start"] == "data" else []
    return expand(
        "<results>/7_figures/{figure}.{ending}", figure=figures, ending=["pdf", "png"]
    )


def parquet(files):
    """Those that programs read; csv files are for people."""
    return [name for name in files if name.endswith(".parquet")]


def tables():
    """The tables that people take, so that one that was deleted, or lost with a job that failed, is made again."""
    from_tables = config["study"]["start"] == "tables"
    files = REANALYSED if from_tables else AGGREGATED + ANALYSED
    return expand("<results>/6_metrics/{file}", file=files)


def published_tables():
    """Every csv file in the folder of published tables."""
    folder = Path(config["reanalyse"]["tables"])
    return [str(folder / name) for name in table_files.csv_files(folder)]
