//! The binary `tradewarden`: configuration, command line, HTTP, wiring. Nothing here decides.

mod access;
mod calls;
mod client;
mod clock;
mod config;
mod folder;
mod http;
mod problem;

fn main() {}
