//! Work on several threads whose results come in order: of a stream of parts, of which never more are held than the
//! cores need (`in_order`), and of a few independent jobs (`map`).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};

use crate::error::Result;

/// Gets parts from `next`, has `work` done on them side by side, and hands the results to `take` in the
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
        // A thread would take longer to start than to be of use.
        take(work(first))?;
        return second.map(|_| ());
    }
    let mut early = [Ok(Some(first)), second].into_iter();
    let mut next = || early.next().unwrap_or_else(&mut next);
    let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (jobs, waiting): (Sender<(P, SyncSender<D>)>, _) = channel();
    let waiting = Mutex::new(waiting);
    std::thread::scope(|scope| {
        for _ in 0..n_threads {
            scope.spawn(|| {
                while let Some((part, done)) = receive(&waiting) {
                    // Nobody listens any more after an error.
                    let _ = done.send(work(part));
                }
            });
        }
        // Dropped at the end of this scope, whichever way it is left: then the threads end.
        let jobs = jobs;
        let mut under_way: VecDeque<Receiver<D>> = VecDeque::new();
        let mut end = None;
        loop {
            while end.is_none() && under_way.len() < 2 * n_threads {
                match next() {
                    Ok(Some(part)) => {
                        let (done, result) = sync_channel(1);
                        // The receiver outlives this scope.
                        let _ = jobs.send((part, done));
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

fn receive<T>(waiting: &Mutex<Receiver<T>>) -> Option<T> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// What `job` makes of each number below `n_jobs`, by number; so many workers take the next number each as soon as they
/// are done with the one before.
pub(crate) fn map<T: Send>(n_jobs: usize, n_workers: usize, job: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(n_jobs));
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= n_jobs {
                return;
            }
            let result = job(number);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((number, result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..n_workers.clamp(1, n_jobs.max(1)) {
            scope.spawn(work);
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
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
            assert_eq!(map(5, n_workers, job), [0, 1, 4, 9, 16]);
        }
        assert!(map(0, 2, |number| number).is_empty());
    }
}
