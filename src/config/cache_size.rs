//! Whether `CACHE_SIZE` has room for images.

use indicatif::HumanBytes;

use crate::render::RenderParams;
use crate::words::counted;

/// With room for fewer images, a cache holds hardly more than what is in use.
const FEW: u64 = 100;

/// The size of a cache, and of the images in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct CacheSize {
    bytes: u64,
    /// Of one image; an estimate.
    image: u64,
}

impl CacheSize {
    pub(super) fn new(bytes: u64, params: RenderParams) -> Self {
        Self {
            bytes,
            image: params.estimated_bytes().max(1),
        }
    }

    /// An error if not a single image has room: usually, the unit is missing.
    pub(super) fn check(self) -> Result<(), String> {
        if self.bytes >= self.image {
            return Ok(());
        }
        let (bytes, image) = (HumanBytes(self.bytes), HumanBytes(self.image));
        Err(format!(
            "{bytes} has no room for a single image, which takes about {image}; give a size with a \
             unit, such as 200GiB"
        ))
    }

    /// A warning if only a few images have room.
    pub(super) fn doubt(self) -> Option<String> {
        let images = self.bytes / self.image;
        (images < FEW).then(|| {
            format!(
                "CACHE_SIZE: {} has room for about {}, so that machex renders most images each time \
                 they are read; give a size such as 200GiB",
                HumanBytes(self.bytes),
                counted(images, "image", "images"),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_without_its_unit_is_refused_and_a_small_one_doubted() {
        let size = |bytes| CacheSize::new(bytes, RenderParams::default());
        assert!(size(200).check().unwrap_err().contains("such as 200GiB"));
        assert!(size(0).check().is_err());
        assert_eq!(size(320 << 10).check(), Ok(()));
        assert!(size(320 << 10).doubt().unwrap().contains("about 1 image,"));
        assert!(size(10 << 20).doubt().unwrap().contains("about 33 images,"));
        assert_eq!(size(200 << 30).doubt(), None);
        let small = RenderParams {
            size: 1,
            quality: 95,
        };
        assert!(CacheSize::new(0, small).check().is_err());
    }
}
