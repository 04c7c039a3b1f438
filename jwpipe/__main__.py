"""`python -m jwpipe` is the command."""

from jwpipe.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
