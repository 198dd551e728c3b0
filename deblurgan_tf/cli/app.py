"""The frame of every command: errors as one line, exit codes, common options."""

from __future__ import annotations

import functools
import inspect
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from deblurgan_tf import __version__
from deblurgan_tf.cli import quiet
from deblurgan_tf.cli.terminal import say
from deblurgan_tf.errors import UserError

Function = TypeVar("Function", bound=Callable[..., Any])


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"deblurgan_tf {__version__}")
        raise typer.Exit


Debug = Annotated[
    bool,
    typer.Option(
        "--debug",
        help="show the traceback of an error, and all that TensorFlow writes",
    ),
]
Version = Annotated[
    bool,
    typer.Option(
        "--version", is_eager=True, callback=_show_version, help="show the version"
    ),
]


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """A warning as one line, with what a terminal must not obey spelled."""
    say(f"warning: {message}", "yellow")


class App(typer.Typer):
    """A Typer application whose commands show a `UserError` as one line.

    A command ends with the exit code of the error, and with 130 after Ctrl-C. Each has
    the options `--debug`, which shows the traceback too, and `--version`. Any other
    exception is a bug: it passes through, and Python shows its traceback.

    Called as a program, `app()`, it keeps the notices of TensorFlow off the terminal
    (`cli.quiet`) while a command works.

    help: what the commands are for; give it to an app of several commands.
    """

    def __init__(self, help: str | None = None) -> None:
        super().__init__(
            help=help,
            no_args_is_help=help is not None,
            pretty_exceptions_enable=False,
            rich_markup_mode=None,
        )
        self.is_program = False
        if help is not None:

            @self.callback()
            def several(version: Version = False) -> None:
                pass

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs as the program of this process."""
        self.is_program = True
        # A shell completes the words after a program's name, not after python -m.
        if {"--install-completion", "--show-completion"} & set(sys.argv[1:2]):
            kwargs.setdefault("prog_name", script_name(Path(sys.argv[0]).stem))
        try:
            result = super().__call__(*args, **kwargs)
        except SystemExit:
            quiet.end()
            raise
        quiet.end()
        return result

    def command(
        self, *args: Any, examples: Sequence[str] = (), **kwargs: Any
    ) -> Callable[[Function], Function]:
        """Registers a command, as `typer.Typer.command` does.

        examples: command lines that --help shows, one per line, ready to be copied. The
        decorated function itself stays as it is.
        """
        if examples:
            # "\b" keeps Click from wrapping the paragraph.
            kwargs["epilog"] = "\n".join(("Examples:\n\n\b", *examples))
        register = super().command(*args, **kwargs)

        def decorate(function: Function) -> Function:
            register(self._framed(function))
            return function

        return decorate

    def _framed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        # Typer reads a command's options from its signature.
        signature = inspect.signature(function, eval_str=True)

        @functools.wraps(function)
        def run(*args: Any, debug: bool, **kwargs: Any) -> Any:
            own = {name: kwargs[name] for name in signature.parameters & kwargs.keys()}
            if self.is_program and not debug:
                quiet.start()
            before, warnings.showwarning = warnings.showwarning, _show_warning
            try:
                return function(*args, **own)
            except UserError as error:
                if debug:
                    traceback.print_exc()
                say(f"error: {error}", "bold red")
                raise typer.Exit(error.exit_code) from None
            except KeyboardInterrupt:
                raise typer.Exit(130) from None
            finally:
                warnings.showwarning = before

        options = {
            name: inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind
            )
            for name, kind in (("debug", Debug), ("version", Version))
            if name not in signature.parameters  # export has a version of its own
        }
        framed: Any = run
        framed.__signature__ = signature.replace(
            parameters=[*signature.parameters.values(), *options.values()]
        )
        framed.__annotations__ = {
            name: parameter.annotation
            for name, parameter in framed.__signature__.parameters.items()
        }
        return run


def script_name(module: str) -> str:
    """The program that an installation makes of a command: deblurgan-MODULE."""
    return f"deblurgan-{module.removeprefix('deblurgan-')}"
