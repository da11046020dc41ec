//! Reads the marks of the contract and writes them as Rust. A field without a mark ends the build here.

fn main() -> std::io::Result<()> {
    paifang_marks::build("fields.rs", paifang_marks::Contract::fields).map(drop)
}
