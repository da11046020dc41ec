//! Compiles `proto/` in Rust (no `protoc` needed) into client and server code and a descriptor set for reflection.

use std::error::Error;
use std::path::PathBuf;
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
    let Some(files) = paifang_marks::build("bounded.rs", paifang_marks::Contract::visitors)? else {
        // Told by cargo, which ends the build after it.
        return Ok(());
    };
    let mut descriptors = protox::compile(&files, ["../../proto"])?;
    tonic_prost_build::configure().btree_map(".").skip_debug(GUARDED).compile_fds(descriptors.clone())?;

    for file in &mut descriptors.file {
        file.source_code_info = None; // comments serve the code above; reflection has no use for them
    }
    let out = PathBuf::from(env::var("OUT_DIR")?).join("paifang_v1.binpb");
    fs::write(out, descriptors.encode_to_vec())?;
    Ok(())
}
