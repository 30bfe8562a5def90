"""Reading over HTTP. It must never write, but lends `events` its place to be written to."""
