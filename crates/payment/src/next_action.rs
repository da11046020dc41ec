//! How a payer is asked, and what the storefront has to do for it. A union by kind, never by rail.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// How the payer is asked to pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presentation {
    /// The storefront shows a QR code, the payer scans it.
    QrShown,
    /// The cashier scans the payer's code; the charge happens at once.
    PayerCode,
    /// Inside the wallet's own browser (official account).
    Jsapi,
    /// Inside a mini program of the wallet.
    MiniProgram,
    /// From a native app through the wallet's SDK.
    App,
    /// A browser on a phone, outside of any wallet.
    MobileWeb,
    /// A browser on a desktop.
    DesktopWeb,
}

/// What the storefront does next so that the payer can pay.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum NextAction {
    /// Show this content as a QR code.
    ShowQr {
        /// The text to draw.
        content: String,
        /// After it the code no longer works at the rail.
        expires_at: jiff::Timestamp,
    },
    /// Hand these parameters to the wallet's bridge in its browser or mini program.
    InvokeWallet {
        /// Parameter names and values exactly as the bridge takes them.
        parameters: BTreeMap<String, String>,
    },
    /// Send the payer's browser to this URL.
    Redirect {
        /// A signed URL of the rail.
        url: String,
    },
    /// Let the payer's browser post this form.
    PostForm {
        /// Where the form goes.
        url: String,
        /// The fields in this order, values unescaped.
        fields: Vec<FormField>,
    },
    /// The payer's code was taken; the payer may have to confirm on the phone.
    WaitForPayer,
}

/// One field of a form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormField {
    /// Field name.
    pub name: String,
    /// Field value, not yet escaped for HTML.
    pub value: String,
}

impl Presentation {
    /// Whether the charge happens in the call itself. Such a charge is never sent twice.
    pub fn is_synchronous(self) -> bool {
        match self {
            Self::PayerCode => true,
            Self::QrShown
            | Self::Jsapi
            | Self::MiniProgram
            | Self::App
            | Self::MobileWeb
            | Self::DesktopWeb => false,
        }
    }

    /// The stored and printed name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::QrShown => "qr_shown",
            Self::PayerCode => "payer_code",
            Self::Jsapi => "jsapi",
            Self::MiniProgram => "mini_program",
            Self::App => "app",
            Self::MobileWeb => "mobile_web",
            Self::DesktopWeb => "desktop_web",
        }
    }
}

impl NextAction {
    /// The kind, for logs: contents may let their reader pay in the payer's place.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ShowQr { .. } => "show_qr",
            Self::InvokeWallet { .. } => "invoke_wallet",
            Self::Redirect { .. } => "redirect",
            Self::PostForm { .. } => "post_form",
            Self::WaitForPayer => "wait_for_payer",
        }
    }
}

impl fmt::Debug for NextAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}
