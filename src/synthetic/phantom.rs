//! A drawing that looks like a chest radiograph: a body with two lungs, a heart, a spine, ribs and
//! noise. It is deterministic and shows no real person.

/// One phantom; its parts vary a little with the seed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Phantom {
    seed: u64,
    lung: f32,
    heart: f32,
    tilt: f32,
}

impl Phantom {
    pub(super) fn new(seed: u64) -> Self {
        let part = |shift: u32| (mix(seed) >> shift & 0xff) as f32 / 255.0;
        Self {
            seed,
            lung: 0.85 + 0.25 * part(0),
            heart: 0.8 + 0.4 * part(8),
            tilt: 0.08 * (part(16) - 0.5),
        }
    }

    /// Brightness from 0 to 1 at a pixel of an image of `width` x `height`.
    pub(super) fn at(&self, x: u32, y: u32, width: u32, height: u32) -> f32 {
        let v = y as f32 / height as f32 * 2.0 - 1.0;
        let u = x as f32 / width as f32 * 2.0 - 1.0 + self.tilt * v;
        let ellipse = |cx: f32, cy: f32, rx: f32, ry: f32| {
            let (dx, dy) = ((u - cx) / rx, (v - cy) / ry);
            // 1 inside, 0 outside, a soft edge.
            ((1.0 - dx * dx - dy * dy) * 4.0).clamp(0.0, 1.0)
        };
        let body = ellipse(0.0, 0.25, 0.95, 1.3);
        let lungs = ellipse(-0.45, 0.0, 0.33, 0.62 * self.lung).max(ellipse(
            0.45,
            0.0,
            0.30,
            0.6 * self.lung,
        ));
        let heart = ellipse(0.14, 0.25, 0.3 * self.heart, 0.3 * self.heart);
        let spine = (1.0 - (u / 0.09).powi(2)).clamp(0.0, 1.0);
        let ribs = ((v * 18.0 + u.abs() * 6.0).sin() * 4.0 - 2.5).clamp(0.0, 1.0);
        let tissue = body * 0.62 - lungs * 0.42 + heart * 0.25 + spine * body * 0.12;
        let noise =
            (mix(self.seed ^ (u64::from(y) << 32 | u64::from(x))) >> 40) as f32 / 16_777_216.0;
        (0.03 + tissue + ribs * lungs * 0.1 + (noise - 0.5) * 0.04).clamp(0.0, 1.0)
    }
}

/// SplitMix64's finaliser (Steele, Lea and Flood 2014).
pub(super) fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
