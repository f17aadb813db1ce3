//! Time of one render on one core, divided by the codec floor: decoding the whole source and
//! encoding one 1024x1024 image with the same libraries, and nothing else.
//!
//! Floor and render alternate, so that a noisy machine disturbs both; medians are compared.
//!
//!     cargo bench --bench render [FILTER]

mod floor;
mod jpeg2000;
mod sources;

use std::hint::black_box;
use std::time::{Duration, Instant};

use machex::render::{RenderParams, Renderer};

/// Rounds of one floor and one render each.
const ROUNDS: usize = 25;

fn main() {
    // Cargo passes `--bench`.
    let filter = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let mut renderer = Renderer::new(RenderParams::default());
    println!(
        "{:<36} {:>9} {:>9} {:>7}",
        "source", "floor", "render", "ratio"
    );
    for source in sources::ALL {
        if filter
            .as_ref()
            .is_some_and(|filter| !source.name.contains(filter.as_str()))
        {
            continue;
        }
        let bytes = (source.make)();
        let mut floor = (source.floor)(&bytes);
        let (mut floors, mut renders) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            floors.push(time(&mut floor));
            renders.push(time(|| {
                drop(black_box(renderer.render(&bytes).expect(source.name)))
            }));
        }
        let (floor, render) = (median(floors), median(renders));
        let ratio = render.as_secs_f64() / floor.as_secs_f64();
        let millis = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
        println!(
            "{:<36} {:>9} {:>9} {ratio:>7.2}",
            source.name,
            millis(floor),
            millis(render)
        );
    }
}

fn time(run: impl FnOnce()) -> Duration {
    let started = Instant::now();
    run();
    started.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
