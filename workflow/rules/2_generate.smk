"""
Stage 2: a generator (trained here on exactly the baseline's training images, or a pipeline of diffusers), its images,
and how good they are.

in:   1_data/{dataset}/train, extra, test
out:  2_generate/{dataset}/{generator}/model/                   weights.safetensors, manifest.json
      2_generate/{dataset}/{generator}/recipe-{recipe}/     shards of images, a record beside each
      2_generate/{dataset}/judge/                               a classifier that knows real images
      2_generate/{dataset}/{generator}/quality.json
"""


rule train_generator:
    """A diffusion model, trained on the real training set."""
    input:
        shards=ancient(shards("{dataset}", "train")),
        manifest="<results>/1_data/{dataset}/train/manifest.json",
    output:
        weights="<results>/2_generate/{dataset}/{generator}/model/weights.safetensors",
        manifest="<results>/2_generate/{dataset}/{generator}/model/manifest.json",
    log:
        "<results>/logs/train_generator/{dataset}.{generator}.log",
    priority: 100
    conda:
        "../../envs/torch.yaml"
    resources:
        gpu=1,
    params:
        settings=settings("train_generator"),
        code=code_digest("train_generator"),
        out=subpath(output.manifest, parent=True),
    message:
        "Generator: training {wildcards.generator} on {wildcards.dataset}"
    shell:
        "python -m weightscape.stages train_generator --settings {params.settings:q} --code {params.code:q}"
        " --train {input.shards:q} --out {params.out:q} > {log:q} 2>&1"


rule generate:
    """One shard of synthetic images."""
    input:
        weights=ancient(generator_files("weights.safetensors")),
        manifest=generator_files("manifest.json"),
        assets=generator_assets,
        train=ancient(generator_train("shards")),
        classes=generator_train("manifest"),
        judge=ancient(gate_judge("weights.safetensors")),
        judged=gate_judge("manifest.json"),
    output:
        shard="<results>/2_generate/{dataset}/{generator}/recipe-{recipe}/shard-{shard}.safetensors",
        record="<results>/2_generate/{dataset}/{generator}/recipe-{recipe}/shard-{shard}.json",
    log:
        "<results>/logs/generate/{dataset}.{generator}.recipe-{recipe}.{shard}.log",
    priority: 90
    conda:
        "../../envs/torch.yaml"
    resources:
        gpu=1,
    params:
        settings=settings("generate"),
        code=code_digest("generate"),
    message:
        "Generator: {wildcards.dataset} by recipe {wildcards.recipe}, shard {wildcards.shard}"
    shell:
        "python -m weightscape.stages generate --settings {params.settings:q} --code {params.code:q}"
        " --weights {input.weights:q} --train {input.train:q} --judge {input.judge:q}"
        " --out {output.shard:q} > {log:q} 2>&1"


rule train_judge:
    """A classifier of real images that the generator has not seen."""
    input:
        train=ancient(expand("{shard}", shard=shards("{dataset}", "extra"))),
        test=ancient(expand("{shard}", shard=shards("{dataset}", "test"))),
        manifests=[
            "<results>/1_data/{dataset}/extra/manifest.json",
            "<results>/1_data/{dataset}/test/manifest.json",
        ],
    output:
        weights="<results>/2_generate/{dataset}/judge/weights.safetensors",
        manifest="<results>/2_generate/{dataset}/judge/manifest.json",
    log:
        "<results>/logs/train_judge/{dataset}.log",
    priority: 80
    conda:
        "../../envs/torch.yaml"
    params:
        settings=settings("train_judge"),
        code=code_digest("train_judge"),
        out=subpath(output.manifest, parent=True),
    message:
        "Generator: training the judge of {wildcards.dataset}"
    shell:
        "python -m weightscape.stages train_judge --settings {params.settings:q} --code {params.code:q}"
        " --train {input.train:q} --test {input.test:q} --out {params.out:q} > {log:q} 2>&1"


rule measure_quality:
    """How well the judge recognises synthetic images, and how they cover real ones."""
    input:
        shards=ancient(all_generated("safetensors")),
        records=all_generated("json"),
        judge=ancient("<results>/2_generate/{dataset}/judge/weights.safetensors"),
        judged="<results>/2_generate/{dataset}/judge/manifest.json",
        test=ancient(expand("{shard}", shard=shards("{dataset}", "test"))),
    output:
        quality="<results>/2_generate/{dataset}/{generator}/quality.json",
        samples="<results>/2_generate/{dataset}/{generator}/samples.safetensors",
        manifest="<results>/2_generate/{dataset}/{generator}/manifest.json",
    log:
        "<results>/logs/measure_quality/{dataset}.{generator}.log",
    conda:
        "../../envs/torch.yaml"
    params:
        settings=settings("measure_quality"),
        code=code_digest("measure_quality"),
        out=subpath(output.quality, parent=True),
    message:
        "Generator: quality of {wildcards.generator} on {wildcards.dataset}"
    shell:
        "python -m weightscape.stages measure_quality --settings {params.settings:q} --code {params.code:q}"
        " --synthetic {input.shards:q} --judge {input.judge:q} --test {input.test:q}"
        " --out {params.out:q} > {log:q} 2>&1"
