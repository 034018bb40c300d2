"""
Stage 5: random-matrix spectra of every weight matrix.

in:   1_data/backbones/{backbone}/weights.safetensors, 4_finetune/{run}/initial.safetensors, after.safetensors
out:  5_spectra/before/{backbone}/      the backbone's own spectra, once for all runs, and leading vectors
      5_spectra/{run}/                  layers.parquet (after, delta, own initial head), esd.safetensors, manifest.json
"""

SPECTRA = "<results>/5_spectra/{dataset}/{backbone}/{family}/{dose}/seed{seed}"


rule spectra_before:
    """Spectra of the weights that fine-tuning starts from."""
    input:
        weights=ancient("<results>/1_data/backbones/{backbone}/weights.safetensors"),
        manifest="<results>/1_data/backbones/{backbone}/manifest.json",
    output:
        layers="<results>/5_spectra/before/{backbone}/layers.parquet",
        esd="<results>/5_spectra/before/{backbone}/esd.safetensors",
        vectors="<results>/5_spectra/before/{backbone}/vectors.safetensors",
        manifest="<results>/5_spectra/before/{backbone}/manifest.json",
    log:
        "<results>/logs/spectra_before/{backbone}.log",
    conda:
        "../../envs/core.yaml"
    params:
        settings=settings("spectra_before"),
        code=code_digest("spectra_before"),
        out=subpath(output.manifest, parent=True),
    message:
        "Spectra: {wildcards.backbone} before fine-tuning"
    shell:
        "python -m weightscape.stages spectra_before --settings {params.settings:q} --code {params.code:q}"
        " --weights {input.weights:q} --out {params.out:q} > {log:q} 2>&1"


rule spectra:
    """Spectra of one run: after, and of the update."""
    input:
        after=ancient(RUN + "/after.safetensors"),
        initial=ancient(RUN + "/initial.safetensors"),
        manifest=RUN + "/manifest.json",
        weights=ancient("<results>/1_data/backbones/{backbone}/weights.safetensors"),
        backbone="<results>/1_data/backbones/{backbone}/manifest.json",
        vectors=ancient("<results>/5_spectra/before/{backbone}/vectors.safetensors"),
        before="<results>/5_spectra/before/{backbone}/manifest.json",
    output:
        layers=SPECTRA + "/layers.parquet",
        esd=SPECTRA + "/esd.safetensors",
        manifest=SPECTRA + "/manifest.json",
    log:
        "<results>/logs/spectra/{dataset}.{backbone}.{family}.{dose}.seed{seed}.log",
    conda:
        "../../envs/core.yaml"
    params:
        settings=settings("spectra"),
        code=code_digest("spectra"),
        out=subpath(output.manifest, parent=True),
    message:
        "Spectra: {wildcards.backbone} on {wildcards.dataset}, {wildcards.family} {wildcards.dose},"
        " seed {wildcards.seed}"
    shell:
        "python -m weightscape.stages spectra --settings {params.settings:q} --code {params.code:q}"
        " --after {input.after:q} --initial {input.initial:q} --weights {input.weights:q}"
        " --vectors {input.vectors:q} --out {params.out:q} > {log:q} 2>&1"
