"""
Stage 3: what each condition is trained on, and how diverse that is as the network sees it.

in:   1_data/{dataset}/train, 2_generate/{dataset}/{generator}
out:  3_assemble/{dataset}/real/items.parquet                             shared by conditions that leave it alone
      3_assemble/{dataset}/{family}/{dose}/seed{seed}/items.parquet       the others
      3_assemble/{dataset}/embedded/{backbone}/rows.safetensors           embeddings that all conditions are compared with
      3_assemble/{dataset}/{family}/{dose}/diversity/                     measures per seed and space
"""

EMBEDDED = "<results>/3_assemble/{dataset}/embedded/{backbone}"


def of_spaces(path):
    """A file of every backbone in whose embedding diversity is measured."""
    return expand(path, backbone=study.embeddings(config), allow_missing=True)


rule assemble_real:
    """The real training set as an item list."""
    input:
        train=ancient(shards("{dataset}", "train")),
        manifest="<results>/1_data/{dataset}/train/manifest.json",
    output:
        item_lists="<results>/3_assemble/{dataset}/real/items.parquet",
        manifest="<results>/3_assemble/{dataset}/real/manifest.json",
    log:
        "<results>/logs/assemble/{dataset}.real.log",
    localrule: True
    conda:
        "../../envs/core.yaml"
    params:
        settings=settings("assemble_real"),
        code=code_digest("assemble"),
        out=subpath(output.manifest, parent=True),
    message:
        "Items: the real training set of {wildcards.dataset}"
    shell:
        "python -m weightscape.stages assemble --settings {params.settings:q} --code {params.code:q}"
        " --train {input.train:q} --out {params.out:q} > {log:q} 2>&1"


rule assemble:
    """The item list of one condition and seed."""
    input:
        train=ancient(shards("{dataset}", "train")),
        manifest="<results>/1_data/{dataset}/train/manifest.json",
        synthetic=ancient(synthetic("safetensors")),
        records=synthetic("json"),
        quality=ancient(synthetic_quality),
        extra=ancient(extra("safetensors")),
        extra_record=extra("json"),
        weights=ancient(choice_weights("weights.safetensors")),
        backbone=choice_weights("manifest.json"),
    output:
        item_lists="<results>/3_assemble/{dataset}/{family}/{dose}/seed{seed}/items.parquet",
        manifest="<results>/3_assemble/{dataset}/{family}/{dose}/seed{seed}/manifest.json",
    log:
        "<results>/logs/assemble/{dataset}.{family}.{dose}.seed{seed}.log",
    localrule: True
    conda:
        "../../envs/torch.yaml"
    params:
        settings=settings("assemble"),
        code=PLAN.chosen_code_digest("assemble"),
        out=subpath(output.manifest, parent=True),
    message:
        "Items: {wildcards.family} {wildcards.dose}, seed {wildcards.seed}"
    shell:
        "python -m weightscape.stages assemble --settings {params.settings:q} --code {params.code:q}"
        " --train {input.train:q} --synthetic {input.synthetic:q} --extra {input.extra:q}"
        " --quality {input.quality:q} --weights {input.weights:q} --out {params.out:q} > {log:q} 2>&1"


rule embed:
    """Embeddings of real, held-out and noise images, which every condition is compared with."""
    input:
        train=ancient(shards("{dataset}", "train")),
        manifest="<results>/1_data/{dataset}/train/manifest.json",
        reference=ancient(shards("{dataset}", "extra")),
        held_out="<results>/1_data/{dataset}/extra/manifest.json",
        backbone=ancient("<results>/1_data/backbones/{backbone}/weights.safetensors"),
        weights="<results>/1_data/backbones/{backbone}/manifest.json",
    output:
        rows=EMBEDDED + "/rows.safetensors",
        manifest=EMBEDDED + "/manifest.json",
    log:
        "<results>/logs/embed/{dataset}.{backbone}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        gpu=1,
    params:
        settings=settings("embed"),
        code=code_digest("embed"),
        out=subpath(output.manifest, parent=True),
    message:
        "Embeddings: {wildcards.backbone} of {wildcards.dataset}"
    shell:
        "python -m weightscape.stages embed --settings {params.settings:q} --code {params.code:q}"
        " --real {input.train:q} --reference {input.reference:q} --backbone {input.backbone:q}"
        " --out {params.out:q} > {log:q} 2>&1"


rule measure_diversity:
    """How diverse a condition's training images are as the network sees them, for every seed."""
    input:
        item_lists=ancient(items_of_seeds("items.parquet")),
        listed=items_of_seeds("manifest.json"),
        train=ancient(shards("{dataset}", "train")),
        manifest="<results>/1_data/{dataset}/train/manifest.json",
        synthetic=ancient(synthetic("safetensors")),
        records=synthetic("json"),
        extra=ancient(extra("safetensors")),
        extra_record=extra("json"),
        reference=ancient(expand("{shard}", shard=shards("{dataset}", "extra"))),
        judge=ancient("<results>/2_generate/{dataset}/judge/weights.safetensors"),
        judged="<results>/2_generate/{dataset}/judge/manifest.json",
        rows=ancient(of_spaces(EMBEDDED + "/rows.safetensors")),
        embedded=of_spaces(EMBEDDED + "/manifest.json"),
        backbones=of_spaces("<results>/1_data/backbones/{backbone}/manifest.json"),
        weights=ancient(
            of_spaces("<results>/1_data/backbones/{backbone}/weights.safetensors")
        ),
    output:
        measures="<results>/3_assemble/{dataset}/{family}/{dose}/diversity/measures.json",
        samples="<results>/3_assemble/{dataset}/{family}/{dose}/diversity/samples.safetensors",
        manifest="<results>/3_assemble/{dataset}/{family}/{dose}/diversity/manifest.json",
    log:
        "<results>/logs/measure_diversity/{dataset}.{family}.{dose}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        gpu=diversity_gpus,
    params:
        settings=settings("measure_diversity"),
        code=code_digest("measure_diversity"),
        out=subpath(output.manifest, parent=True),
    message:
        "Diversity: {wildcards.family} {wildcards.dose}"
    shell:
        "python -m weightscape.stages measure_diversity --settings {params.settings:q} --code {params.code:q}"
        " --items {input.item_lists:q} --real {input.train:q} --reference {input.reference:q}"
        " --embedded {input.rows:q} --backbones {input.weights:q} --judge {input.judge:q}"
        " --out {params.out:q} > {log:q} 2>&1"
