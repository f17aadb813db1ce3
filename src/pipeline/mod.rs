//! The parts for making files on demand, whatever the files are: making each file only once, queues
//! and threads, and what is known of each file. Contains no dataset and no step of the work.

mod buffers;
mod byte_budget;
mod fault;
mod flights;
mod io_pool;
mod item;
mod known_files;
#[cfg(all(test, feature = "model-check"))]
mod model;
mod pace;
mod queue;

pub use buffers::Buffers;
pub use byte_budget::{ByteBudget, Share};
pub use fault::{Failing, Fault};
pub use flights::{Flights, Outcome, Waiter};
pub use io_pool::IoPool;
pub use item::{Item, What};
pub use known_files::{Known, KnownImages};
pub use pace::Pace;
pub use queue::{Priority, Queue};
