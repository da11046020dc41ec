//! The voice of the demo: numbered steps, facts beneath them, and QR codes a phone could scan.

use std::io::Write;

use fast_qr::QRBuilder;
use paifang_proto::v1;

use super::Stage;

/// Writes the story.
pub struct Teller<W> {
    to: W,
    steps: u32,
}

impl<W: Write> Teller<W> {
    pub fn new(to: W) -> Self {
        Self { to, steps: 0 }
    }

    pub fn title(&mut self, text: &str) -> anyhow::Result<()> {
        writeln!(self.to, "\n{text}\n{}", "─".repeat(text.chars().count().min(100)))?;
        Ok(())
    }

    pub fn step(&mut self, text: &str) -> anyhow::Result<()> {
        self.steps += 1;
        writeln!(self.to, "\n{:>2}. {text}", self.steps)?;
        self.to.flush()?;
        Ok(())
    }

    pub fn fact(&mut self, text: impl std::fmt::Display) -> anyhow::Result<()> {
        writeln!(self.to, "    {text}")?;
        self.to.flush()?;
        Ok(())
    }

    pub fn qr(&mut self, content: &str) -> anyhow::Result<()> {
        let code =
            QRBuilder::new(content).build().map_err(|error| anyhow::anyhow!("no QR code: {error:?}"))?;
        for line in code.to_str().lines() {
            writeln!(self.to, "      {line}")?;
        }
        Ok(())
    }

    pub fn attempts(&mut self, intent: &v1::PaymentIntent) -> anyhow::Result<()> {
        for attempt in &intent.attempts {
            let state = attempt.state().as_str_name().trim_start_matches("ATTEMPT_STATE_").to_lowercase();
            self.fact(format!("attempt over {:<10} order {}  {state}", attempt.rail, attempt.order_number))?;
        }
        Ok(())
    }

    pub fn what_to_try(&mut self, stage: &Stage, key: &str) -> anyhow::Result<()> {
        let (grpc, ops) = (stage.grpc, stage.ops);
        let control = stage.mocks.control_url();
        self.title("Everything is still running. What to try next (Ctrl-C ends it)")?;
        self.fact(format!("ADDRESS and KEY of the README:  {grpc} {key}"))?;
        let scan = r#"'{"qr":"..."}'"#;
        self.fact(format!(
            "play the payer who scans it:  curl -X POST {control}/v1/wechatpay/payer/pay -d {scan}"
        ))?;
        self.fact(format!("the contract, by reflection:  grpcurl -plaintext {grpc} list"))?;
        self.fact(format!("the gateway's figures:        curl http://{ops}/metrics"))?;
        self.fact(format!("what the rails believe:       curl {control}/v1/wechatpay/book"))?;
        self.fact(format!("what arrived there, and why it was refused: curl {control}/v1/alipay/requests"))?;
        let fault = r#"'{"fault":"answer_lost","times":1}'"#;
        self.fact(format!(
            "lose the next answer:         curl -X POST {control}/v1/alipay/faults -d {fault}"
        ))?;
        self.fact(format!("config, keys, store, log:     {}", stage.dir.display()))
    }
}

/// Fen as yuan, exactly.
pub fn yuan(fen: i64) -> String {
    format!("{}{}.{:02}", if fen < 0 { "-¥" } else { "¥" }, fen.abs() / 100, fen.abs() % 100)
}
