//! Work on several threads whose results come in order: of a stream of parts, of which never more are held than the
//! cores need (`in_order`), and of a few independent jobs (`map`).
//!
//! Each call has a pool of its own, which takes a tenth of a millisecond: the library's common one does not live on in
//! a copy of the process (a fork), and whoever waited for it there would wait for ever.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, sync_channel};

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, Result};

/// Gets parts from `next`, has `work` done on them on all cores, and hands the results to `take` in the
/// order of the parts. `next` and `take` run on the caller's thread.
///
/// # Errors
/// The first one in the order of the parts, of `next` or of `take`.
pub(crate) fn in_order<P: Send, D: Send>(
    mut next: impl FnMut() -> Result<Option<P>>,
    work: impl Fn(P) -> D + Sync,
    mut take: impl FnMut(D) -> Result<()>,
) -> Result<()> {
    let Some(first) = next()? else { return Ok(()) };
    let second = next();
    if !matches!(second, Ok(Some(_))) {
        // A pool would take longer to start than to be of use.
        take(work(first))?;
        return second.map(|_| ());
    }
    let mut early = [Ok(Some(first)), second].into_iter();
    let mut next = || early.next().unwrap_or_else(&mut next);
    let work = &work;
    let pool = all_cores()?;
    pool.in_place_scope_fifo(|scope| {
        let mut under_way: VecDeque<Receiver<D>> = VecDeque::new();
        let mut end = None;
        loop {
            while end.is_none() && under_way.len() < 2 * pool.current_num_threads() {
                match next() {
                    Ok(Some(part)) => {
                        let (done, result) = sync_channel(1);
                        // Nobody listens any more after an error.
                        scope.spawn_fifo(move |_| drop(done.send(work(part))));
                        under_way.push_back(result);
                    }
                    Ok(None) => end = Some(Ok(())),
                    Err(error) => end = Some(Err(error)),
                }
            }
            let Some(oldest) = under_way.pop_front() else { return end.unwrap_or(Ok(())) };
            match oldest.recv() {
                Ok(done) => take(done)?,
                // Its thread panicked; the scope passes that on.
                Err(_) => return Ok(()),
            }
        }
    })
}

/// What `job` makes of each number below `n_jobs`, by number, on so many workers.
///
/// # Errors
/// When the system grants no threads.
pub(crate) fn map<T: Send>(
    n_jobs: usize,
    n_workers: usize,
    job: impl Fn(usize) -> T + Sync + Send,
) -> Result<Vec<T>> {
    let pool = pool(n_workers.clamp(1, n_jobs.max(1)))?;
    Ok(pool.install(|| (0..n_jobs).into_par_iter().with_max_len(1).map(job).collect()))
}

/// A thread for each core.
///
/// # Errors
/// When the system grants no threads.
pub(crate) fn all_cores() -> Result<ThreadPool> {
    pool(std::thread::available_parallelism().map_or(1, usize::from))
}

/// So many threads: as many as the user allows, and not one for each core.
///
/// # Errors
/// When the system grants no threads.
pub(crate) fn pool(n_threads: usize) -> Result<ThreadPool> {
    ThreadPoolBuilder::new().num_threads(n_threads).build().map_err(|error| Error::File {
        action: "cannot start threads for",
        path: "this work".into(),
        source: std::io::Error::other(error),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::error::Error;

    fn fault(part: usize) -> Error {
        Error::model_file(part.to_string())
    }

    #[test]
    fn results_come_in_the_order_of_the_parts_whoever_is_ready_first() {
        let mut parts = 0..200_usize;
        let mut taken = Vec::new();
        let work = |part: usize| {
            std::thread::sleep(std::time::Duration::from_micros(((part * 7919) % 13 * 50) as u64));
            part
        };
        let take = |part| {
            taken.push(part);
            Ok(())
        };
        in_order(|| Ok(parts.next()), work, take).unwrap();
        assert_eq!(taken, (0..200).collect::<Vec<_>>());
    }

    #[test]
    fn the_first_error_counts_and_what_came_before_it_is_taken() {
        let mut parts = 0..50_usize;
        let mut taken = 0;
        let next = || parts.next().map(|part| if part == 40 { Err(fault(40)) } else { Ok(part) }).transpose();
        let work = |part| if part == 39 { Err(fault(39)) } else { Ok(part) };
        let error = in_order(next, work, |part| part.map(|_| taken += 1)).unwrap_err();
        assert!(error.to_string().contains("39"), "{error}");
        assert_eq!(taken, 39);
    }

    #[test]
    fn results_come_by_number_however_many_workers_there_are() {
        for n_workers in [0, 1, 2, 9] {
            // The first takes longest.
            let job = |number: usize| {
                std::thread::sleep(std::time::Duration::from_millis(if number == 0 { 20 } else { 1 }));
                number * number
            };
            assert_eq!(map(5, n_workers, job).unwrap(), [0, 1, 4, 9, 16]);
        }
        assert!(map(0, 2, |number| number).unwrap().is_empty());
    }
}
