//! The command line. Exit status: 0 done, 1 failed, 64 the config is wrong (as in `sysexits.h`, `EX_USAGE`); `close-day`
//! and `statement` have a 2 of their own.

mod boundary;
mod bulk;
mod close_day;
mod events;
mod fsck;
mod intent;
mod interop;
#[cfg(feature = "mocks")]
mod mock_rails;
mod opened;
mod ops;
mod policy;
mod quarantine;
mod serve;
mod statement;
mod storefront;
mod tenant;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, ConfigErrors};

/// Status of a wrong config.
const BAD_CONFIG: u8 = 64;

/// One contract in front of several payment rails.
#[derive(Debug, Parser)]
#[command(name = "paifang", version, about, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve storefronts and rails until SIGTERM or SIGINT, then drain.
    Serve(Configured),
    /// Say what is wrong with a config, or print the settings that it results in, without secrets.
    CheckConfig(Configured),
    /// Say which field of an order goes to whom, by the contract, the adapters and the config.
    Boundary(boundary::Options),
    /// Storefronts and their API keys. Over a file no gateway may be running: it belongs to one process.
    #[command(subcommand)]
    Tenant(tenant::Command),
    /// Prove the store whole: rows are the folds of their journals, transfers balance, no work is orphaned.
    Fsck(Configured),
    /// Have the running gateway hold a rail's bill of a day against its books. Nothing is changed by it.
    CloseDay(close_day::Options),
    /// Work that the running gateway has given to a person.
    #[command(subcommand)]
    Quarantine(quarantine::Command),
    /// Bulk refunds of the running gateway: which are under way, and how far one is.
    #[command(subcommand)]
    Bulk(bulk::Command),
    /// Ask the running gateway about a payment intent of any storefront.
    #[command(subcommand)]
    Intent(intent::Command),
    /// Rules about who may pay with what: check them as files, compare them, run a draft over recorded decisions, change them over
    /// the running gateway; and what held on a past day.
    #[command(subcommand, after_long_help = policy::RECIPES)]
    Policy(policy::Command),
    /// Write a storefront's events, one line of JSON each, for `statement` to read, or what of them one party may be handed.
    Events(events::Options),
    /// Make the net statement of the storefront and a party for a month, from events alone or out of the gateway's book, and
    /// compare it with the other side's. Status 1 when they differ, 2 when there is none.
    Statement(statement::Options),
    /// Print whose a payer's code is by its length and first digits, and which wallets pay at whose rail, each with its source.
    Interop(interop::Options),
    /// Serve mock rails that speak the real wire protocols, on loopback, until SIGINT.
    #[cfg(feature = "mocks")]
    MockRails(mock_rails::Options),
    /// Play the main job, or how a wallet is opened step by step (`--story walls`), narrated, against the mock rails.
    #[cfg(feature = "mocks")]
    Demo(crate::demo::Options),
}

/// What every command with a config takes.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Configured {
    /// The config file.
    #[arg(long, default_value = "paifang.toml", env = "PAIFANG_CONFIG")]
    config: PathBuf,
    /// Another store than the config's: a file, or postgres://USER@HOST/DATABASE (its password in $PGPASSWORD).
    #[arg(long, env = "PAIFANG_STORE", hide_env_values = true)]
    store: Option<String>,
}

/// Why a command ended early.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The config is wrong.
    Config(ConfigErrors),
    /// Something that a command tells apart by a status of its own.
    Status(u8, anyhow::Error),
    /// The same, for programs: what is printed on standard output.
    Told(u8, String),
    /// Anything else.
    Failed(anyhow::Error),
}

impl Cli {
    /// Runs the command.
    pub fn run(self) -> ExitCode {
        let runtime = match tokio::runtime::Runtime::new() {
            Ok(runtime) => runtime,
            Err(error) => return complain(&anyhow::Error::new(error)),
        };
        let ended = match self.command {
            Command::Serve(at) => runtime.block_on(serve::run(&at)),
            Command::CheckConfig(at) => at.load().and_then(|config| say(config.effective())),
            Command::Boundary(options) => boundary::run(&options),
            Command::Tenant(command) => runtime.block_on(tenant::run(command)),
            Command::Fsck(at) => runtime.block_on(fsck::run(&at)),
            Command::CloseDay(options) => runtime.block_on(close_day::run(options)),
            Command::Quarantine(command) => runtime.block_on(quarantine::run(command)),
            Command::Bulk(command) => runtime.block_on(bulk::run(command)),
            Command::Intent(command) => runtime.block_on(intent::run(command)),
            Command::Policy(command) => runtime.block_on(policy::run(command)),
            Command::Events(options) => runtime.block_on(events::run(options)),
            Command::Statement(options) => runtime.block_on(statement::run(options)),
            Command::Interop(options) => interop::run(&options),
            #[cfg(feature = "mocks")]
            Command::MockRails(options) => runtime.block_on(mock_rails::run(options)).map_err(Ended::Failed),
            #[cfg(feature = "mocks")]
            Command::Demo(options) => runtime.block_on(crate::demo::run(options)).map_err(Ended::Failed),
        };
        match ended {
            Ok(()) => ExitCode::SUCCESS,
            Err(Ended::Config(errors)) => {
                // Nobody is left to tell when standard error is gone.
                let _ = writeln!(std::io::stderr(), "the config is wrong:\n{errors}");
                ExitCode::from(BAD_CONFIG)
            }
            Err(Ended::Status(status, error)) => {
                complain(&error);
                ExitCode::from(status)
            }
            Err(Ended::Told(status, told)) => match say(told) {
                Ok(()) => ExitCode::from(status),
                Err(_) => ExitCode::FAILURE,
            },
            Err(Ended::Failed(error)) => complain(&error),
        }
    }
}

impl Configured {
    pub(crate) fn path(&self) -> &std::path::Path {
        &self.config
    }

    pub(crate) fn load(&self) -> Result<Config, Ended> {
        let config = Config::load_with(&self.config, self.store.as_deref()).map_err(Ended::Config)?;
        if let Some(file) = &config.clock_ahead {
            crate::world::run_ahead(file.clone());
        }
        Ok(config)
    }
}

impl From<anyhow::Error> for Ended {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// Prints to standard output.
pub(crate) fn say(text: impl std::fmt::Display) -> Result<(), Ended> {
    writeln!(std::io::stdout(), "{text}").map_err(|error| Ended::Failed(error.into()))
}

fn complain(error: &anyhow::Error) -> ExitCode {
    // Nobody is left to tell when standard error is gone.
    let _ = writeln!(std::io::stderr(), "paifang: {error:#}");
    ExitCode::FAILURE
}
