//! Pictures of some images, embedded in the page.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::RgbImage;

use crate::survey::{Gallery, GalleryImage, printable, to_jpeg};
use crate::words::counted;

/// JPEG quality of a picture, which is only 200 pixels wide.
const QUALITY: u8 = 80;

/// Pictures of one dataset.
#[derive(Debug)]
pub(super) struct Pictures {
    pub dataset: String,
    /// Number of images.
    pub images: String,
    /// Why there are none.
    pub error: Option<String>,
    pub all: Vec<Picture>,
}

/// One image.
#[derive(Debug)]
pub(super) struct Picture {
    pub id: String,
    pub key: String,
    /// Positive findings; absent if the image has no labels.
    pub findings: Option<String>,
    /// The picture, or why there is none.
    pub shown: Result<Shown, String>,
}

/// A JPEG in base64, and its size.
#[derive(Debug)]
pub(super) struct Shown {
    pub width: u32,
    pub height: u32,
    pub jpeg: String,
}

impl Pictures {
    pub(super) fn of(gallery: &Gallery<'_>) -> Self {
        let dataset = gallery.dataset;
        Self {
            dataset: printable(&dataset.name),
            images: counted(dataset.images.into(), "image", "images"),
            error: dataset.error.as_deref().map(printable),
            all: gallery.images.iter().map(Picture::of).collect(),
        }
    }
}

impl Picture {
    fn of(image: &GalleryImage<'_>) -> Self {
        let GalleryImage {
            pick, thumbnail, ..
        } = image;
        let findings = pick
            .positive_findings()
            .map(|names| match names.as_slice() {
                [] => "no positive finding".to_owned(),
                names => names.join(", "),
            });
        Self {
            id: printable(&pick.id),
            key: printable(&pick.key),
            findings,
            shown: thumbnail
                .as_ref()
                .map_err(|cause| printable(cause))
                .and_then(Shown::of),
        }
    }
}

impl Shown {
    fn of(thumbnail: &RgbImage) -> Result<Self, String> {
        let jpeg = to_jpeg(thumbnail, QUALITY);
        Ok(Self {
            width: thumbnail.width(),
            height: thumbnail.height(),
            jpeg: STANDARD.encode(jpeg.map_err(|error| error.to_string())?),
        })
    }
}
