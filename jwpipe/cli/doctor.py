"""`jwpipe doctor`: whether everything is there."""

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@app.command("doctor")
def doctor():
    """Say what is installed, how many threads there are, where references come from, and what is amiss.

    Exit status 0 where jwpipe can work, 1 where it cannot.
    """
    from jwpipe.report.doctor import examine

    findings = examine()
    for finding in findings:
        mark = "ok" if finding.good else "!!"
        advice = f"  ({finding.advice})" if finding.advice else ""
        typer.echo(f"{mark}  {finding.topic:<12}{finding.state}{advice}")
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)
