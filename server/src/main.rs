//! The binary.

mod config;

fn main() {
    println!("{}", config::Config::load(&config::Sources::default()).is_ok());
}
