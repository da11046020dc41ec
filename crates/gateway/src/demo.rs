//! `paifang demo`: the main job, or how a wallet is opened step by step, narrated, against the mock rails. Every step
//! checks what it tells; the first one that is not as told ends the demo with a status other than 0.
//!
//! [`stage`] is also what the end-to-end tests stand on: mock rails in this process, the real gateway as a child.

mod books;
mod files;
mod shop;
pub mod stage;
mod story;
mod tell;
mod walls;

use std::path::PathBuf;
use std::time::Duration;

pub use books::{RailTotals, ledger_totals, rail_totals};
pub use shop::Shop;
pub use stage::{Stage, free_port};

use tell::Teller;

/// What is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Story {
    /// The main job: a payer who changes wallets, a refund, a lost answer, a killed gateway, a hold, a day's bills.
    #[default]
    Main,
    /// September 2024: WeChat Pay is announced, tried on 5 % of the payers, ramped, rolled back by a guard rail, opened again, and
    /// a past day is told of.
    Walls,
}

/// What the command line says.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Which story is played.
    #[arg(long, value_enum, default_value_t)]
    pub story: Story,
    /// Leave everything running at the end, and print what to try next.
    #[arg(long)]
    pub stay: bool,
    /// Where the demo keeps its files; a new temporary directory unless it is given.
    #[arg(long)]
    pub dir: Option<PathBuf>,
}

/// A whole story must be told within this time.
const TIME_MAX: Duration = Duration::from_secs(60);
/// The longer one within this.
const WALLS_TIME_MAX: Duration = Duration::from_secs(150);

/// Plays the story.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let mut tell = Teller::new(std::io::stdout());
    let time_max = match options.story {
        Story::Main => TIME_MAX,
        Story::Walls => WALLS_TIME_MAX,
    };
    let told = tokio::time::timeout(time_max, play(&mut tell, &options)).await;
    let (mut stage, key) = told.map_err(|_| anyhow::anyhow!("the demo took longer than {time_max:?}"))??;
    if options.stay {
        tell.what_to_try(&stage, &key)?;
        tokio::signal::ctrl_c().await?;
    }
    stage.close().await;
    Ok(())
}

async fn play<W: std::io::Write>(tell: &mut Teller<W>, options: &Options) -> anyhow::Result<(Stage, String)> {
    match options.story {
        Story::Main => story::play(tell, options).await,
        Story::Walls => walls::play(tell, options).await,
    }
}
