//! QR codes as pictures: read from what a phone's camera took, and drawn for a cashier's scanner.

use std::io::Cursor;

use fast_qr::QRBuilder;
use fast_qr::convert::Builder;
use fast_qr::convert::svg::SvgBuilder;
use image::{ImageReader, Limits};

/// Longest side of a picture that is read, in pixels: a phone's camera and more.
const SIDE_MAX: u32 = 8_192;
/// Memory that reading one picture may take, in bytes.
const MEMORY_MAX: u64 = 256 * 1024 * 1024;

/// Why a picture tells nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum PictureError {
    #[error("this is no PNG or JPEG picture of at most {SIDE_MAX} pixels a side")]
    NoPicture,
    #[error("there is no readable QR code in this picture")]
    NoCode,
}

/// The text of the first QR code in a picture.
pub(super) fn read(bytes: &[u8]) -> Result<String, PictureError> {
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(SIDE_MAX), Some(SIDE_MAX));
    limits.max_alloc = Some(MEMORY_MAX);
    let mut reader =
        ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|_| PictureError::NoPicture)?;
    reader.limits(limits);
    let grey = reader.decode().map_err(|_| PictureError::NoPicture)?.into_luma8();
    let mut prepared = rqrr::PreparedImage::prepare(grey);
    let texts = prepared.detect_grids().into_iter().filter_map(|grid| grid.decode().ok());
    texts.map(|(_, text)| text).next().ok_or(PictureError::NoCode)
}

/// A QR code as an SVG document; `None` when the text is too long for one.
pub(super) fn draw(text: &str) -> Option<String> {
    let code = QRBuilder::new(text).build().ok()?;
    Some(SvgBuilder::default().margin(4).to_str(&code))
}
