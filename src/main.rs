//! The `machex` program: everything is in the library.

fn main() -> std::process::ExitCode {
    machex::cli::main(machex::datasets::ALL)
}
