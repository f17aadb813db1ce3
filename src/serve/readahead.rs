//! Recognises readers that go through a shard in order (tar, cp -r, rsync, an unshuffled loader),
//! so that idle workers make the next images before they are requested.

use std::ops::Range;

/// Maximum number of readers to follow.
const STREAMS: usize = 64;

/// A reader counts as sequential after more than this many images in order.
const CONVINCED: u32 = 2;

/// A reader that may be sequential.
#[derive(Debug, Clone, Copy)]
struct Stream {
    dataset: u8,
    /// The number that it should request next.
    next: u32,
    /// How many images it requested in order.
    length: u32,
    /// Images below this number are planned.
    planned: u32,
}

/// The readers of all datasets, the most recent last.
#[derive(Debug)]
pub(super) struct Readahead {
    streams: Vec<Stream>,
    /// How many images to plan ahead.
    window: u32,
}

impl Readahead {
    /// `workers`: how many images can be made at once.
    pub(super) fn new(workers: usize) -> Self {
        let window = u32::try_from(workers.saturating_mul(2)).unwrap_or(u32::MAX);
        Self {
            streams: Vec::new(),
            window: window.clamp(4, 256),
        }
    }

    /// Records a request for image `number`. Returns the images that will be requested next and are
    /// not planned yet: none unless a reader goes in order. `room` is how many images the cache can
    /// hold, since images that are made ahead must still be there when they are read.
    pub(super) fn note(&mut self, dataset: u8, number: u32, room: u64) -> Range<u32> {
        let window = self.window.min(u32::try_from(room / 4).unwrap_or(u32::MAX));
        // An image can be requested several times (stat, open, other readers), and the workers of a
        // loader overtake each other a little. If several readers match, take the nearest.
        let is_near = |stream: &Stream| {
            let near = stream.next.saturating_sub(window)..stream.next.saturating_add(3);
            stream.dataset == dataset && near.contains(&number)
        };
        let known = (0..self.streams.len())
            .filter(|at| is_near(&self.streams[*at]))
            .min_by_key(|at| {
                let stream = &self.streams[*at];
                (stream.next.abs_diff(number), u32::MAX - stream.length)
            });
        let mut stream = match known {
            Some(at) => self.streams.remove(at),
            None => {
                if self.streams.len() == STREAMS {
                    self.streams.remove(0);
                }
                Stream {
                    dataset,
                    next: number,
                    length: 0,
                    planned: 0,
                }
            }
        };
        if number >= stream.next {
            stream.next = number + 1;
            stream.length += 1;
        }
        let plan = if stream.length > CONVINCED {
            let end = stream.next.saturating_add(window);
            let start = stream.planned.max(stream.next).min(end);
            stream.planned = end;
            start..end
        } else {
            0..0
        };
        self.streams.push(stream);
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: u64 = u64::MAX;

    #[test]
    fn readers_in_order_are_ahead_by_a_window_each_image_once() {
        let mut readahead = Readahead::new(4);
        let mut planned = Vec::new();
        for number in 100..130 {
            planned.extend(readahead.note(1, number, ROOM));
            // stat, then open, of the same image
            planned.extend(readahead.note(1, number, ROOM));
        }
        assert_eq!(planned, (103..138).collect::<Vec<_>>());
    }

    #[test]
    fn two_loader_workers_are_two_readers() {
        let mut readahead = Readahead::new(2);
        let mut planned = Vec::new();
        for step in 0..10 {
            planned.extend(readahead.note(0, step, ROOM));
            planned.extend(readahead.note(0, 1000 + step, ROOM));
        }
        planned.sort_unstable();
        let expected: Vec<u32> = (3..14).chain(1003..1014).collect();
        assert_eq!(planned, expected);
    }

    #[test]
    fn a_reader_passes_where_others_have_been() {
        let mut readahead = Readahead::new(2);
        for number in [31, 5, 17] {
            assert!(readahead.note(0, number, ROOM).is_empty());
        }
        let planned: Vec<u32> = (0..8)
            .flat_map(|number| readahead.note(0, number, ROOM))
            .collect();
        assert_eq!(planned, (3..12).collect::<Vec<_>>());
    }

    #[test]
    fn a_small_cache_is_not_flooded() {
        let mut readahead = Readahead::new(8);
        let planned: usize = (0..50)
            .map(|number| readahead.note(0, number, 3).len())
            .sum();
        assert_eq!(planned, 0);
    }

    #[test]
    fn random_readers_are_not_followed() {
        let mut readahead = Readahead::new(2);
        let numbers = (0..1000u32).map(|at| at.wrapping_mul(2_654_435_761) % 900_000);
        let planned: usize = numbers
            .map(|number| readahead.note(0, number, ROOM).len())
            .sum();
        assert_eq!(planned, 0);
        assert!(readahead.streams.len() <= STREAMS);
    }
}
