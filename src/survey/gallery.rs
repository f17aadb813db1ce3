//! The picked images, as pictures.

use image::RgbImage;
use rayon::prelude::*;

use super::pick::Reader;
use super::{DatasetSurvey, Origin, Pick, Survey, mounted, thumbnail};
use crate::render::RenderParams;
use crate::shown::Show as _;
use crate::slow::announce_if_slow;

/// The picks of one dataset.
#[derive(Debug)]
pub struct Gallery<'a> {
    pub dataset: &'a DatasetSurvey,
    pub images: Vec<GalleryImage<'a>>,
}

/// A pick that was tried.
#[derive(Debug)]
pub struct GalleryImage<'a> {
    pub pick: &'a Pick,
    /// A picture of it, or why there is none.
    pub thumbnail: Result<RgbImage, String>,
    /// The damage of its source, if the source was read.
    pub damage: Option<String>,
}

/// Reads or renders the picks of all datasets, in their order, in parallel on rayon's current pool.
/// The longer side of a thumbnail has `side` pixels.
pub fn galleries(survey: &Survey, side: u32) -> Vec<Gallery<'_>> {
    let params = match &survey.origin {
        Origin::Config { params, .. } => *params,
        _ => RenderParams::default(),
    };
    let mut galleries: Vec<_> = survey
        .datasets
        .par_iter()
        .map(|dataset| Gallery::of(dataset, params, side))
        .collect();
    if let Origin::Mount { root, .. } = &survey.origin {
        mounted::explain(root, &mut galleries);
    }
    galleries
}

impl<'a> Gallery<'a> {
    fn of(dataset: &'a DatasetSurvey, params: RenderParams, side: u32) -> Self {
        let doing = format!("reading images of {}", dataset.name.shown());
        let images = dataset.picks.par_iter().map_init(
            || Reader::new(params),
            |reader, pick| announce_if_slow(doing.as_str(), || read_image(reader, pick, side)),
        );
        Self {
            dataset,
            images: images.collect(),
        }
    }
}

fn read_image<'a>(reader: &mut Reader, pick: &'a Pick, side: u32) -> GalleryImage<'a> {
    let (thumbnail, damage) = match reader.jpeg(pick) {
        Ok((jpeg, damage)) => {
            let thumbnail = thumbnail(jpeg, side);
            (thumbnail.map_err(|error| error.to_string()), damage)
        }
        Err(cause) => (Err(cause), None),
    };
    GalleryImage {
        pick,
        thumbnail,
        damage,
    }
}
