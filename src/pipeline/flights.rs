//! Single flight: a file is made once, and everyone who waits for it gets the result.

use std::collections::HashMap;

use super::{Fault, Item, Known};
use crate::store::Body;
use crate::store::tier::Want;
use crate::sync::Mutex;

/// The result for a file: what is known of it, and its bytes if these were wanted.
pub type Outcome = Result<(Known, Option<Body>), Fault>;

type OnSize = Box<dyn FnOnce(Result<Known, Fault>) + Send>;
type OnBody = Box<dyn FnOnce(Result<(Known, Body), Fault>) + Send>;

/// A waiter for a file.
pub enum Waiter {
    /// For its size.
    Size(OnSize),
    /// For its bytes.
    Body(OnBody),
}

impl Waiter {
    fn want(&self) -> Want {
        match self {
            Waiter::Size(_) => Want::Size,
            Waiter::Body(_) => Want::Body,
        }
    }
}

struct Flight {
    want: Want,
    waiters: Vec<Waiter>,
}

/// The files that are being made now.
#[derive(Default)]
pub struct Flights {
    flights: Mutex<HashMap<Item, Flight>>,
}

impl Flights {
    /// Adds a waiter. True if the caller has to arrange that the file is made.
    pub fn join(&self, item: Item, waiter: Waiter) -> bool {
        let mut flights = self.flights.lock();
        let is_new = !flights.contains_key(&item);
        let flight = flights.entry(item).or_insert(Flight {
            want: Want::Size,
            waiters: Vec::new(),
        });
        flight.want = flight.want.max(waiter.want());
        flight.waiters.push(waiter);
        is_new
    }

    /// Starts a flight without waiters; false if the file is being made already.
    pub fn begin(&self, item: Item, want: Want) -> bool {
        let mut flights = self.flights.lock();
        if flights.contains_key(&item) {
            return false;
        }
        let waiters = Vec::new();
        flights.insert(item, Flight { want, waiters });
        true
    }

    /// Whether a reader waits for a file.
    pub fn is_awaited(&self, item: Item) -> bool {
        self.flights
            .lock()
            .get(&item)
            .is_some_and(|flight| !flight.waiters.is_empty())
    }

    pub fn want(&self, item: Item) -> Want {
        self.flights
            .lock()
            .get(&item)
            .map_or(Want::Size, |flight| flight.want)
    }

    /// Gives the outcome to all waiters. False if the flight has to go on, since a waiter wants
    /// bytes and the outcome has none.
    pub fn land(&self, item: Item, outcome: &Outcome) -> bool {
        let waiters = {
            let mut flights = self.flights.lock();
            let lacks_body = matches!(outcome, Ok((_, None)));
            match flights.get_mut(&item) {
                Some(flight) if lacks_body && flight.want == Want::Body => {
                    let (ready, waiting) = std::mem::take(&mut flight.waiters)
                        .into_iter()
                        .partition(|waiter| waiter.want() == Want::Size);
                    flight.waiters = waiting;
                    drop(flights);
                    tell(ready, outcome);
                    return false;
                }
                _ => flights.remove(&item).map(|flight| flight.waiters),
            }
        };
        tell(waiters.unwrap_or_default(), outcome);
        true
    }

    /// Forgets all files, at the end: remaining waiters get an error when their closures are
    /// dropped.
    pub fn abandon(&self) {
        let flights = std::mem::take(&mut *self.flights.lock());
        // Without the lock.
        drop(flights);
    }

    /// How many files are being made.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.flights.lock().len()
    }
}

fn tell(waiters: Vec<Waiter>, outcome: &Outcome) {
    for waiter in waiters {
        match (waiter, outcome) {
            (Waiter::Size(reply), Ok((known, _))) => reply(Ok(*known)),
            (Waiter::Body(reply), Ok((known, Some(body)))) => reply(Ok((*known, body.clone()))),
            (Waiter::Size(reply), Err(fault)) => reply(Err(fault.clone())),
            (Waiter::Body(reply), Err(fault)) => reply(Err(fault.clone())),
            // `land` keeps this waiter until there are bytes.
            (Waiter::Body(reply), Ok((_, None))) => reply(Err(Fault::new("no bytes"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn one_makes_it_and_all_get_it() {
        let flights = Flights::default();
        let item = Item::image(0, 7);
        let told = Arc::new(AtomicUsize::new(0));
        let waiter = || {
            let told = Arc::clone(&told);
            Waiter::Size(Box::new(move |result| {
                assert_eq!(result.unwrap(), Known::example());
                told.fetch_add(1, Ordering::Relaxed);
            }))
        };
        let begun = (0..5).filter(|_| flights.join(item, waiter())).count();
        assert_eq!(begun, 1);
        assert!(!flights.begin(item, Want::Body));
        assert!(flights.land(item, &Ok((Known::example(), None))));
        assert_eq!((told.load(Ordering::Relaxed), flights.len()), (5, 0));
        assert!(flights.begin(item, Want::Size));
    }

    #[test]
    fn who_wants_bytes_waits_on_when_there_is_only_a_size() {
        let flights = Flights::default();
        let item = Item::index(1);
        let told = Arc::new(AtomicUsize::new(0));
        let (sizes, bodies) = (Arc::clone(&told), Arc::clone(&told));
        flights.join(
            item,
            Waiter::Size(Box::new(move |_| {
                sizes.fetch_add(1, Ordering::Relaxed);
            })),
        );
        flights.join(
            item,
            Waiter::Body(Box::new(move |result| {
                assert_eq!(result.unwrap().1.size(), 3);
                bodies.fetch_add(10, Ordering::Relaxed);
            })),
        );
        assert_eq!(flights.want(item), Want::Body);
        assert!(!flights.land(item, &Ok((Known::example(), None))));
        assert_eq!(told.load(Ordering::Relaxed), 1);
        let body = Body::Memory(vec![1, 2, 3].into());
        assert!(flights.land(item, &Ok((Known::example(), Some(body)))));
        assert_eq!(told.load(Ordering::Relaxed), 11);
    }
}
