"""
What the jobs read: files of downloads, shards, generated images, item lists and runs, by wildcards.
"""


def asset_settings(wildcards):
    """The settings of a download as JSON."""
    return json.dumps(assets.settings(config, wildcards.asset), sort_keys=True)


def asset_digest(wildcards):
    """The meaning of the code of one download: the program and the module of its kind."""
    asked = assets.settings(config, wildcards.asset)
    return code_digest("fetch", *readers.of_fetch(asked))


def split_digest(wildcards):
    """The meaning of the code of one split: the program and the modules of its source."""
    asked = stage_settings.settings(config, "data", dict(wildcards))
    return code_digest("data", *readers.of_split(asked))


def corrupted():
    """A pattern of the splits that are corruptions, each behind the name of its data set."""
    pairs = corruptions.corrupted_splits(config)
    named = [rf"(?<=/{re.escape(name)}/){re.escape(split)}" for name, split in pairs]
    return "|".join(named) or "(?!)"


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
    """The file of weights of one's own that a backbone names."""
    weights = config["backbones"][wildcards.backbone]["weights"]
    return [] if weights in own_files.KEYWORDS else [weights]


def decoding_threads(wildcards):
    """Packaged digits are decoded; files are read by several processes."""
    return 1 if config["data"][wildcards.dataset]["source"] == digits.PACKAGED else 4


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
        if not needs_generator(wildcards.family, wildcards.dose):
            return []
        recipe = doses.item_change(config, wildcards.family, wildcards.dose).recipe
        return generated(wildcards.dataset, recipe, ending)

    return paths


def extra(ending):
    """The further real images that a condition draws from, or their record; nothing for conditions without."""

    def paths(wildcards):
        if not needs_extra(wildcards.family, wildcards.dose):
            return []
        if ending == "json":
            return [f"<results>/1_data/{wildcards.dataset}/extra/manifest.json"]
        return shards(wildcards.dataset, "extra")

    return paths


def further(ending):
    """What a condition draws from beside the training set: its synthetic shards or further real images."""
    generated, real = synthetic(ending), extra(ending)
    return lambda wildcards: [*generated(wildcards), *real(wildcards)]


def items_folder(dataset, family, dose, seed):
    """The folder of the item list that a run is trained on; conditions that leave the data alone share one."""
    if alters_items(family, dose):
        return f"<results>/3_assemble/{dataset}/{family}/{dose}/seed{seed}"
    return f"<results>/3_assemble/{dataset}/real"


def items(name):
    """A file of a run's item list, as an input function."""
    return lambda w: f"{items_folder(w.dataset, w.family, w.dose, w.seed)}/{name}"


def items_of_seeds(name):
    """The same for all seeds of a condition."""
    return lambda w: [
        f"{items_folder(w.dataset, w.family, w.dose, seed)}/{name}" for seed in SEEDS
    ]


def evaluated_splits(wildcards):
    """The manifests of the splits that runs are evaluated on."""
    names = study.evaluated_splits(config, wildcards.dataset)
    return [
        f"<results>/1_data/{wildcards.dataset}/{split}/manifest.json" for split in names
    ]


def evaluated_shards(wildcards):
    """The files of those splits."""
    names = study.evaluated_splits(config, wildcards.dataset)
    return [path for split in names for path in shards(wildcards.dataset, split)]


def runs(pattern):
    """A path of every run of the study; `{run}` in the pattern stands for the run's folder."""
    return [pattern.replace("{run}", run.path) for run in study.runs(config)]


def curvatures():
    """The curvature records of the runs for which the study asks."""
    curved = study.curved_conditions(config)
    return [
        f"<results>/4_finetune/{run.path}/curvature/manifest.json"
        for run in study.runs(config)
        if (run.family, run.dose) in curved
    ]


def diversities():
    """The diversity records of the study's conditions."""
    return [
        f"<results>/3_assemble/{dataset}/{family}/{dose}/diversity/manifest.json"
        for dataset in config["study"]["datasets"]
        for family, dose in study.conditions(config)
        if family in DIVERSITY_FAMILIES
    ]


def qualities():
    """The quality of each data set's generator, where the study has one."""
    if not study.uses_generator(config):
        return []
    return [
        f"<results>/2_generate/{dataset}/{config['generate']['name']}/quality.json"
        for dataset in config["study"]["datasets"]
    ]


def citation():
    """What the page asks to cite, where the project's file is there."""
    return ["CITATION.cff"] if Path("CITATION.cff").is_file() else []


def captions():
    """The captions of the study's figures."""
    return expand("workflow/report/captions/{figure}.md", figure=config["figures"])


def report_parts():
    """Template, style, script, charts and methods of the page."""
    return sorted(
        f"workflow/report/{path.name}"
        for path in (WORKFLOW / "report").iterdir()
        if path.is_file() and not path.name.startswith(".")
    )
