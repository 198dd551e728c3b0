"""The frame of every command: errors as one line, exit codes, `--debug`."""

from __future__ import annotations

import functools
import inspect
import traceback
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

import typer

from deblurgan_tf.cli.terminal import say
from deblurgan_tf.errors import UserError

Function = TypeVar("Function", bound=Callable[..., Any])
Debug = Annotated[
    bool, typer.Option("--debug", help="show the traceback of an error too")
]


class App(typer.Typer):
    """A Typer application whose commands show a `UserError` as one line.

    A command ends with the exit code of the error, and with 130 after Ctrl-C. Each has
    the option `--debug`, which shows the traceback too. Any other exception is a bug:
    it passes through, and Python shows its traceback.

    help: what the commands are for; give it to an app of several commands.
    """

    def __init__(self, help: str | None = None) -> None:
        super().__init__(
            help=help,
            no_args_is_help=help is not None,
            add_completion=False,
            pretty_exceptions_enable=False,
            rich_markup_mode=None,
        )

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
            register(_framed(function))
            return function

        return decorate


def _framed(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def run(*args: Any, debug: bool, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except UserError as error:
            if debug:
                traceback.print_exc()
            say(f"error: {error}", "bold red")
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            raise typer.Exit(130) from None

    # Typer reads a command's options from its signature.
    signature = inspect.signature(function, eval_str=True)
    option = inspect.Parameter(
        "debug", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Debug
    )
    run.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), option]
    )
    run.__annotations__ = {
        name: parameter.annotation
        for name, parameter in run.__signature__.parameters.items()  # type: ignore[attr-defined]
    }
    return run
