//! `paifang mock-rails`: the rails' world on its own, for people who bring their own client.

use std::collections::BTreeMap;

use paifang_mock_rails::MockRails;

use crate::cli::say;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Port of the control API; 0 is any free one.
    #[arg(long, default_value_t = 0)]
    control_port: u16,
    /// Port of a rail, such as `alipay=9101`; any free one for those not named. May be given several times.
    #[arg(long = "port", value_parser = named_port)]
    ports: Vec<(String, u16)>,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let ports: BTreeMap<String, u16> = options.ports.into_iter().collect();
    let started =
        paifang_mock_rails::Options { ports, control_port: options.control_port, ..Default::default() };
    let mocks = MockRails::start(started).await?;
    let shown = |text: String| say(text).map_err(|_| anyhow::anyhow!("standard output is gone"));
    for name in mocks.names() {
        shown(format!("{name:<10} {}", mocks.url(name)))?;
    }
    shown(format!("{:<10} {}", "control", mocks.control_url()))?;
    tokio::signal::ctrl_c().await?;
    mocks.stop().await;
    Ok(())
}

fn named_port(text: &str) -> Result<(String, u16), String> {
    let (name, port) = text.split_once('=').ok_or("must be RAIL=PORT")?;
    let port = port.parse().map_err(|_| "the port must be a number below 65536")?;
    Ok((name.to_owned(), port))
}
