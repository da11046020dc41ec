//! Reads the marks of the contract and writes them as Rust. A field without a mark ends the build here.

use std::path::Path;

fn main() {
    let root = Path::new("../../proto");
    println!("cargo::rerun-if-changed={}", root.display());
    let code = paifang_marks::read(root).and_then(|contract| contract.fields());
    if let Err(error) = code.and_then(|code| paifang_marks::write("fields.rs", &code)) {
        error.to_string().lines().for_each(|line| println!("cargo::error={line}"));
    }
}
