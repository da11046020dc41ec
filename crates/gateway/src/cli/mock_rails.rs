//! `paifang mock-rails`: the rails' world on its own, for people who bring their own client. Its options and what it prints
//! are those of the crate's own binary.

pub(crate) use paifang_mock_rails::cli::Arguments as Options;

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    Ok(paifang_mock_rails::cli::run(options).await?)
}
