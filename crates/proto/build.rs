//! Compiles `proto/` in Rust (no `protoc` needed) into client and server code and a descriptor set for reflection.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use prost::Message;

/// Messages that hold payer data, or what would let their reader pay in the payer's place. `src/guarded.rs` writes
/// their `Debug`; one that is missing there does not compile.
const GUARDED: [&str; 8] = [
    ".paifang.v1.DeclaredFacts",
    ".paifang.v1.DecidedPayment",
    ".paifang.v1.ClientContext",
    ".paifang.v1.IdentifyPayerCodeRequest",
    ".paifang.v1.ShowQrCode",
    ".paifang.v1.InvokeWallet",
    ".paifang.v1.Redirect",
    ".paifang.v1.FormField",
];

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new("../../proto");
    println!("cargo::rerun-if-changed={}", root.display());

    let files = match marked(root) {
        Ok(files) => files,
        // Told by cargo, which ends the build after it.
        Err(unmarked) => {
            unmarked.to_string().lines().for_each(|line| println!("cargo::error={line}"));
            return Ok(());
        }
    };
    let mut descriptors = protox::compile(&files, [root])?;
    tonic_prost_build::configure().btree_map(".").skip_debug(GUARDED).compile_fds(descriptors.clone())?;

    for file in &mut descriptors.file {
        file.source_code_info = None; // comments serve the code above; reflection has no use for them
    }
    let out = PathBuf::from(env::var("OUT_DIR")?).join("paifang_v1.binpb");
    fs::write(out, descriptors.encode_to_vec())?;
    Ok(())
}

/// Writes the walks over what events carry; answers the files of the contract.
fn marked(root: &Path) -> Result<Vec<PathBuf>, paifang_marks::Error> {
    let visitors = paifang_marks::read(root)?.visitors()?;
    paifang_marks::write("bounded.rs", &visitors)?;
    paifang_marks::files(root)
}
