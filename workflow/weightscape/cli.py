"""The `weightscape` command: runs parts of the workflow on the user's files.

Each sub-command is a module of `weightscape.commands` with `configure(parser)` and `run(arguments)`, which is imported
only when it is called.
"""

import argparse
import importlib
import io
import sys

from weightscape import __version__
from weightscape.errors import UserError, out_of_memory
from weightscape.provenance.extras import needed

COMMANDS = {
    "init": "look at your images and write a study of them that can run as it is",
    "cluster": "start or resume a study on a Slurm cluster",
    "settings": "the settings of one job as JSON, to run a stage's program by hand",
    "report": "draw the study's figures and the page again from a results folder, of which the tables are enough",
    "status": "what of a study is done, running and failed, and how long the rest takes",
    "verify": "name every file of a results folder that is stale, tampered with, missing or extra",
    "adopt": "make the workflow know results that came without its metadata; stale ones are deleted",
    "restore": "make missing intermediate files again",
    "resume": "continue a study after a crash, when nobody works on it any more",
    "cost": "GPU and CPU hours, disk and memory that a study is expected to take",
    "export": "a run as a folder that timm loads, with model.safetensors and config.json",
    "spectra": "eigenvalues, tail fits and norms of every weight matrix of a checkpoint",
    "diversity": "how diverse a set of images or embeddings is, alone or against real ones",
    "choose": "the images or embeddings that add most diversity to those that are there",
    "reanalyse": "WeightWatcher tables before and after training: the published procedure, and ours",
}


def main(argv: list[str] | None = None) -> int:
    """Run one sub-command; a user's error is printed as one sentence and gives exit code 1."""
    arguments = sys.argv[1:] if argv is None else argv
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that is not UTF-8
    parser = argparse.ArgumentParser(prog="weightscape", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    chosen = next((word for word in arguments if word in COMMANDS), None)
    try:
        for name, text in COMMANDS.items():
            command = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
            if name == chosen:
                module = importlib.import_module(f"weightscape.commands.{name}")
                module.configure(command)
        parsed = parser.parse_args(arguments)
        chosen = parsed.command
        _check_once(commands.choices[chosen], arguments)
        return importlib.import_module(f"weightscape.commands.{chosen}").run(parsed) or 0
    except UserError as error:
        print(f"weightscape {chosen}: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        sentence = needed(error.name or "")
        if sentence is None:
            raise
        print(f"weightscape {chosen}: {sentence}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1
    except (MemoryError, OSError, RuntimeError) as error:
        short = out_of_memory(error)
        if short is None:
            raise
        print(f"weightscape {chosen}: {short}", file=sys.stderr)
        return 1


def _check_once(command: argparse.ArgumentParser, words: list[str]) -> None:
    """Refuses an option that is given twice, of which argparse keeps the last one alone."""
    own = words[: words.index("--")] if "--" in words else words
    for action in command._actions:
        if isinstance(action, argparse._StoreAction):
            given = [word for word in own if word.partition("=")[0] in action.option_strings]
            if len(given) > 1:
                raise UserError(f"{action.option_strings[0]} is given twice: only the last would count; take one out")


if __name__ == "__main__":
    sys.exit(main())
