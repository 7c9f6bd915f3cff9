"""The `lienthong` command. One command a file; what a command needs is imported when it runs, so that `--help` is quick."""
