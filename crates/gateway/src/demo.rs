//! `paifang demo`: the main job, narrated, against the mock rails. Every step checks what it tells; the first one that
//! is not as told ends the demo with a status other than 0.
//!
//! [`stage`] is also what the end-to-end tests stand on: mock rails in this process, the real gateway as a child.

mod books;
mod files;
mod shop;
pub mod stage;
mod story;
mod tell;

use std::path::PathBuf;
use std::time::Duration;

pub use books::{RailTotals, ledger_totals, rail_totals};
pub use shop::Shop;
pub use stage::{Stage, free_port};

use tell::Teller;

/// What the command line says.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Leave everything running at the end, and print what to try next.
    #[arg(long)]
    pub stay: bool,
    /// Where the demo keeps its files; a new temporary directory unless it is given.
    #[arg(long)]
    pub dir: Option<PathBuf>,
}

/// The whole story must be told within this time.
const TIME_MAX: Duration = Duration::from_secs(60);

/// Plays the story.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let mut tell = Teller::new(std::io::stdout());
    let told = tokio::time::timeout(TIME_MAX, story::play(&mut tell, &options)).await;
    let (mut stage, key) = told.map_err(|_| anyhow::anyhow!("the demo took longer than {TIME_MAX:?}"))??;
    if options.stay {
        tell.what_to_try(&stage, &key)?;
        tokio::signal::ctrl_c().await?;
    }
    stage.close().await;
    Ok(())
}
