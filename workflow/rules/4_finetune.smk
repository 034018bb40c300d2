"""
Stage 4: networks fine-tuned under every condition, and what they can do.

in:   3_assemble/{dataset}/..., 1_data/backbones/{backbone}/, 1_data/{dataset}/{split}/
out:  4_finetune/{dataset}/{backbone}/{family}/{dose}/seed{seed}/
          initial.safetensors, after.safetensors, history.parquet, manifest.json (with the proof of action)
          evaluation/: metrics.json (of every split), logits.safetensors, manifest.json
      4_finetune/{dataset}/{backbone}/{family}/{dose}/dropped.json    if study.keep_weights is not `all`
"""

RUN = "<results>/4_finetune/{dataset}/{backbone}/{family}/{dose}/seed{seed}"
POOL_RUN = "<results>/4_finetune/{dataset}/{backbone}/baseline/baseline/seed{seed}"
VARIED = r"(?!baseline\b)[a-z_]+"


def of_runs(name):
    """A file of every run of a condition."""
    return expand(RUN + name, seed=SEEDS, allow_missing=True)


def of_pool(name):
    """The same file of every baseline run."""
    return expand(POOL_RUN + name, seed=POOL_SEEDS, allow_missing=True)


rule finetune:
    """One run."""
    input:
        item_lists=ancient(items("items.parquet")),
        listed=items("manifest.json"),
        data="<results>/1_data/{dataset}/train/manifest.json",
        train=ancient(shards("{dataset}", "train")),
        further=ancient(further("safetensors")),
        records=further("json"),
        backbone=ancient("<results>/1_data/backbones/{backbone}/weights.safetensors"),
        manifest="<results>/1_data/backbones/{backbone}/manifest.json",
    output:
        initial=RUN + "/initial.safetensors",
        after=RUN + "/after.safetensors",
        history=RUN + "/history.parquet",
        manifest=RUN + "/manifest.json",
    log:
        "<results>/logs/finetune/{dataset}.{backbone}.{family}.{dose}.seed{seed}.log",
    priority: 10
    conda:
        "../../envs/torch.yaml"
    resources:
        gpu=1,
    params:
        settings=settings("finetune"),
        code=code_digest("finetune"),
        threads=1,
        out=subpath(output.manifest, parent=True),
    message:
        "Fine-tuning: {wildcards.backbone} on {wildcards.dataset}, {wildcards.family} {wildcards.dose},"
        " seed {wildcards.seed}"
    shell:
        "python -m weightscape.stages finetune --settings {params.settings:q} --code {params.code:q}"
        " --items {input.item_lists:q} --data {input.data:q} --backbone {input.backbone:q}"
        " --threads {params.threads} --out {params.out:q} > {log:q} 2>&1"


rule evaluate:
    """The runs of one condition on every split; what an earlier evaluation found for the same weights is kept."""
    input:
        after=ancient(of_runs("/after.safetensors")),
        runs=of_runs("/manifest.json"),
        shards=ancient(evaluated_shards),
        splits=evaluated_splits,
    output:
        metrics=update(of_runs("/evaluation/metrics.json")),
        logits=update(of_runs("/evaluation/logits.safetensors")),
        manifests=update(of_runs("/evaluation/manifest.json")),
    log:
        "<results>/logs/evaluate/{dataset}.{backbone}.{family}.{dose}.log",
    wildcard_constraints:
        family=VARIED,
    conda:
        "../../envs/torch.yaml"
    resources:
        gpu=1,
    params:
        settings=settings("evaluate"),
        code=code_digest("evaluate"),
        threads=1,
    message:
        "Evaluation: {wildcards.backbone} on {wildcards.dataset}, {wildcards.family} {wildcards.dose}"
    shell:
        "python -m weightscape.stages evaluate --settings {params.settings:q} --code {params.code:q}"
        " --runs {input.runs:q} --splits {input.splits:q} --threads {params.threads} > {log:q} 2>&1"


use rule evaluate as evaluate_pool with:
    input:
        after=ancient(of_pool("/after.safetensors")),
        runs=of_pool("/manifest.json"),
        shards=ancient(evaluated_shards),
        splits=evaluated_splits,
    output:
        metrics=update(of_pool("/evaluation/metrics.json")),
        logits=update(of_pool("/evaluation/logits.safetensors")),
        manifests=update(of_pool("/evaluation/manifest.json")),
    log:
        "<results>/logs/evaluate/{dataset}.{backbone}.baseline.baseline.log",
    message:
        "Evaluation: {wildcards.backbone} on {wildcards.dataset}, the pool of baseline runs"


rule curvature:
    """Curvature of the loss at the weights of one condition's runs; what was measured of the same weights is kept."""
    input:
        after=ancient(of_runs("/after.safetensors")),
        runs=of_runs("/manifest.json"),
        val=ancient(shards("{dataset}", "val")),
        data="<results>/1_data/{dataset}/val/manifest.json",
    output:
        measures=update(of_runs("/curvature/measures.json")),
        manifests=update(of_runs("/curvature/manifest.json")),
    log:
        "<results>/logs/curvature/{dataset}.{backbone}.{family}.{dose}.log",
    wildcard_constraints:
        family=VARIED,
    conda:
        "../../envs/torch.yaml"
    resources:
        gpu=1,
    params:
        settings=settings("curvature"),
        code=code_digest("curvature"),
        threads=1,
    message:
        "Curvature: {wildcards.backbone} on {wildcards.dataset}, {wildcards.family} {wildcards.dose}"
    shell:
        "python -m weightscape.stages curvature --settings {params.settings:q} --code {params.code:q}"
        " --runs {input.runs:q} --data {input.data:q} --threads {params.threads} > {log:q} 2>&1"


use rule curvature as curvature_pool with:
    input:
        after=ancient(of_pool("/after.safetensors")),
        runs=of_pool("/manifest.json"),
        val=ancient(shards("{dataset}", "val")),
        data="<results>/1_data/{dataset}/val/manifest.json",
    output:
        measures=update(of_pool("/curvature/measures.json")),
        manifests=update(of_pool("/curvature/manifest.json")),
    log:
        "<results>/logs/curvature/{dataset}.{backbone}.baseline.baseline.log",
    message:
        "Curvature: {wildcards.backbone} on {wildcards.dataset}, the pool of baseline runs"


rule penalties:
    """Penalties of regularisers at the weights of one condition's runs; what was measured of the same weights is kept."""
    input:
        after=ancient(of_runs("/after.safetensors")),
        runs=of_runs("/manifest.json"),
        val=ancient(shards("{dataset}", "val")),
        data="<results>/1_data/{dataset}/val/manifest.json",
    output:
        measures=update(of_runs("/penalties/measures.json")),
        manifests=update(of_runs("/penalties/manifest.json")),
    log:
        "<results>/logs/penalties/{dataset}.{backbone}.{family}.{dose}.log",
    wildcard_constraints:
        family=VARIED,
    conda:
        "../../envs/torch.yaml"
    resources:
        gpu=1,
    params:
        settings=settings("penalties"),
        code=code_digest("penalties"),
        threads=1,
    message:
        "Penalties: {wildcards.backbone} on {wildcards.dataset}, {wildcards.family} {wildcards.dose}"
    shell:
        "python -m weightscape.stages penalties --settings {params.settings:q} --code {params.code:q}"
        " --runs {input.runs:q} --data {input.data:q} --threads {params.threads} > {log:q} 2>&1"


use rule penalties as penalties_pool with:
    input:
        after=ancient(of_pool("/after.safetensors")),
        runs=of_pool("/manifest.json"),
        val=ancient(shards("{dataset}", "val")),
        data="<results>/1_data/{dataset}/val/manifest.json",
    output:
        measures=update(of_pool("/penalties/measures.json")),
        manifests=update(of_pool("/penalties/manifest.json")),
    log:
        "<results>/logs/penalties/{dataset}.{backbone}.baseline.baseline.log",
    message:
        "Penalties: {wildcards.backbone} on {wildcards.dataset}, the pool of baseline runs"


rule drop_weights:
    """Weights of one condition that are not to be kept: removed once all that the study measures at them is made."""
    input:
        runs=runs_of,
        measures=measures,
    output:
        update("<results>/4_finetune/{dataset}/{backbone}/{family}/{dose}/dropped.json"),
    log:
        "<results>/logs/drop_weights/{dataset}.{backbone}.{family}.{dose}.log",
    priority: 20
    localrule: True
    conda:
        "../../envs/core.yaml"
    params:
        settings=settings("drop_weights"),
        code=code_digest("drop_weights"),
    message:
        "Removing weights: {wildcards.backbone} on {wildcards.dataset}, {wildcards.family} {wildcards.dose}"
    shell:
        "python -m weightscape.stages drop_weights --settings {params.settings:q} --code {params.code:q}"
        " --runs {input.runs:q} --measures {input.measures:q} --out {output:q} > {log:q} 2>&1"
