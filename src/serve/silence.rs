//! Logs which disks and servers do not answer.

use std::sync::Weak;
use std::thread;
use std::time::Duration;

use super::Server;
use crate::shown::Show as _;

/// Time between checks.
const ROUND: Duration = Duration::from_secs(5);

/// Starts the thread that does this. Without it, only `machex status` shows which do not answer.
pub(super) fn watch(server: Weak<Server>) {
    let watching = thread::Builder::new()
        .name("silence".to_owned())
        .spawn(move || {
            loop {
                thread::sleep(ROUND);
                let Some(server) = server.upgrade() else {
                    return;
                };
                server.complain_of_silence();
            }
        });
    if let Err(error) = watching {
        tracing::debug!("no thread to watch for disks that do not answer: {error}");
    }
}

impl Server {
    fn complain_of_silence(&self) {
        for (number, dataset) in self.datasets.iter().enumerate() {
            let name = dataset.name();
            if let Some(wait) = dataset.root_waits.complaint() {
                let (root, seconds) = (dataset.tree.root.shown(), wait.as_secs());
                tracing::warn!(
                    dataset = name,
                    "{root} has not answered for {seconds} s; its readers wait, others do not"
                );
            }
            let tree_waits = self.tiers.tree.waits(number);
            if let Some(wait) = tree_waits.and_then(|waits| waits.complaint()) {
                let seconds = wait.as_secs();
                tracing::warn!(
                    dataset = name,
                    "the materialized tree has not answered for {seconds} s; readers of images \
                     that are there wait"
                );
            }
        }
        if let Some(wait) = self.tiers.cache.waits().complaint() {
            let (path, seconds) = (self.settings.cache_path.shown(), wait.as_secs());
            tracing::warn!(
                "the disk of the cache, {path}, has not answered for {seconds} s; readers of \
                 images that are there wait, and those of images that are to be kept there"
            );
        }
    }
}
