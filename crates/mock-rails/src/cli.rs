//! The command line of the world in a box; `paifang mock-rails` has the same.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use crate::clock::{Clock, SPEED_MAX, Signatures};
use crate::home::Home;
use crate::magic::Magic;
use crate::scenario::Scenario;
use crate::start::RAILS;
use crate::{MockRails, Options};

/// Serve mock rails that speak the real wire protocols, on loopback, until SIGINT.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Where keys, certificates and the test CA lie; made at the first start.
    #[arg(long, default_value = "mock-rails-home", env = "PAIFANG_MOCK_RAILS_HOME")]
    home: PathBuf,
    /// Use the published test merchants instead, whose keys everybody knows; nothing is written.
    #[arg(long, conflicts_with = "home")]
    test_merchants: bool,
    /// Keep the trade books in this directory over restarts.
    #[arg(long)]
    books: Option<PathBuf>,
    /// Port of the control API and its pages; 0 is any free one.
    #[arg(long, default_value_t = 0)]
    control_port: u16,
    /// http port of a rail, such as `alipay=9101`; any free one for those not named. May be given several times.
    #[arg(long = "port", value_parser = named_port)]
    ports: Vec<(String, u16)>,
    /// https port of a rail, likewise.
    #[arg(long = "https-port", value_parser = named_port)]
    https_ports: Vec<(String, u16)>,
    /// A PEM file of certificates that vouch for merchants who are notified over https.
    #[arg(long)]
    merchant_ca: Vec<PathBuf>,
    /// A TOML file that says what goes wrong and when.
    #[arg(long)]
    scenario: Option<PathBuf>,
    /// Let amounts be only amounts: no magic ones.
    #[arg(long)]
    no_magic: bool,
    /// How many times as fast as the wall's the rails' clock runs.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(SPEED_MAX)))]
    speed: u32,
    /// Make and judge signatures by the rails' own clock instead of the wall's: for clients that follow it.
    #[arg(long)]
    sign_by_rails_clock: bool,
}

/// Serves until SIGINT, then saves the books.
///
/// # Errors
/// When a file cannot be read or written, a scenario has a mistake, or a port is taken.
pub async fn run(arguments: Arguments) -> io::Result<()> {
    let rails = MockRails::start_with(options(&arguments)?).await?;
    show(&rails, &arguments, &mut io::stdout().lock())?;
    tokio::signal::ctrl_c().await?;
    rails.stop().await
}

fn options(arguments: &Arguments) -> io::Result<Options> {
    let clock = Clock::wall();
    let home = match arguments.test_merchants {
        true => None,
        false => Some(Home::open(&arguments.home, clock.now()).map_err(io::Error::other)?),
    };
    let scenario = match &arguments.scenario {
        Some(path) => {
            let names: Vec<&str> = RAILS.iter().map(|rail| rail.name).collect();
            let wrong =
                |error: &dyn std::fmt::Display| io::Error::other(format!("{}: {error}", path.display()));
            let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
            Some(Scenario::parse(&text, &names).map_err(|error| wrong(&error))?)
        }
        None => None,
    };
    let roots: io::Result<Vec<String>> = arguments.merchant_ca.iter().map(std::fs::read_to_string).collect();
    // A client whose clock nobody moves signs by the wall's, however fast days pass here.
    clock.sign_by(if arguments.sign_by_rails_clock { Signatures::Rails } else { Signatures::Wall });
    if arguments.speed > 1 {
        clock.run(arguments.speed);
    }
    let ports = |named: &[(String, u16)]| named.iter().cloned().collect::<BTreeMap<String, u16>>();
    Ok(Options {
        clock,
        home,
        scenario,
        books: arguments.books.clone(),
        control_port: arguments.control_port,
        ports: ports(&arguments.ports),
        https_ports: ports(&arguments.https_ports),
        merchant_roots: roots?,
        magic: if arguments.no_magic { Magic::Off } else { Magic::On },
        ..Options::default()
    })
}

fn show(rails: &MockRails, arguments: &Arguments, out: &mut impl Write) -> io::Result<()> {
    for name in rails.names() {
        writeln!(out, "{name:<10} {}  {}", rails.url(name), rails.https_url(name))?;
    }
    writeln!(out, "{:<10} {}", "control", rails.control_url())?;
    writeln!(out, "{:<10} {1}/wallet  {1}/journal", "pages", rails.control_url())?;
    match arguments.test_merchants {
        true => writeln!(
            out,
            "{:<10} the published test merchants; the CA lasts as long as this process",
            "keys"
        )?,
        false => writeln!(out, "{:<10} {}; trust ca.pem there for https", "keys", arguments.home.display())?,
    }
    out.flush()
}

fn named_port(text: &str) -> Result<(String, u16), String> {
    let (name, port) = text.split_once('=').ok_or("must be RAIL=PORT")?;
    let port = port.parse().map_err(|_| "the port must be a number below 65536")?;
    Ok((name.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches};

    use super::*;

    #[tokio::test]
    async fn what_is_printed_are_addresses_that_can_be_opened() {
        let command = Arguments::augment_args(clap::Command::new("x"));
        let matches = command.try_get_matches_from(["x", "--test-merchants"]).unwrap();
        let arguments = Arguments::from_arg_matches(&matches).unwrap();
        let rails = MockRails::start().await.unwrap();
        let mut out = Vec::new();
        show(&rails, &arguments, &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        let (alipay, control) = (rails.url("alipay"), rails.control_url());
        for line in [
            format!("alipay     {alipay}  {}", rails.https_url("alipay")),
            format!("control    {control}"),
            format!("pages      {control}/wallet  {control}/journal"),
        ] {
            assert!(out.lines().any(|printed| printed == line), "{line} in\n{out}");
        }
    }
}
