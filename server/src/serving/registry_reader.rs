//! The one thread that asks the registry on behalf of requests. Its storage may be slow or hang for good; then
//! this thread waits, those who asked are told so in time, and nothing else of the server waits with it, not even
//! its end: nobody joins this thread.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;
use xtream_core::{Error, Registry};

use crate::problem::Problem;

/// Time that a question may take; reading a model takes a fraction of a second.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// Questions that may wait for their turn.
const MOST_WAITING: usize = 1024;

type Question = Box<dyn FnOnce(&Registry) + Send>;

/// Where questions are put.
pub(crate) struct RegistryReader {
    questions: SyncSender<Question>,
    patience: Duration,
}

impl RegistryReader {
    /// Starts the thread; it ends with this.
    ///
    /// # Errors
    /// When the operating system grants no thread.
    pub(crate) fn start(registry: Arc<Registry>, patience: Duration) -> io::Result<Self> {
        let (questions, asked) = sync_channel::<Question>(MOST_WAITING);
        let answer_all = move || {
            for question in asked {
                // Whoever asked hears of a panic; whoever asks next is answered all the same.
                let _ = catch_unwind(AssertUnwindSafe(|| question(&registry)));
            }
        };
        thread::Builder::new().name("registry-reader".into()).spawn(answer_all)?;
        Ok(Self { questions, patience })
    }

    /// Asks, one question at a time.
    ///
    /// # Errors
    /// The registry's answer as a problem; or that it gives none.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Registry) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Problem> {
        let (answer, answered) = oneshot::channel();
        let question = move |registry: &Registry| {
            // Nobody may wait for it any more when its turn comes.
            if !answer.is_closed() {
                let _ = answer.send(question(registry));
            }
        };
        let refused = |_| Problem::registry_silent("too many questions wait for it");
        self.questions.try_send(Box::new(question)).map_err(refused)?;
        match timeout(self.patience, answered).await {
            Ok(Ok(answer)) => Ok(answer?),
            Ok(Err(_)) => Err(Problem::internal("a question to the registry ended in a panic")),
            Err(_) => {
                let waited = self.patience.as_secs_f64();
                Err(Problem::registry_silent(format_args!("no answer within {waited} seconds")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::sync::mpsc::channel;
    use std::time::Instant;

    use actix_web::ResponseError;
    use actix_web::rt::System;

    use super::*;

    fn reader(patience: Duration) -> (tempfile::TempDir, RegistryReader) {
        let folder = tempfile::tempdir().unwrap();
        let registry = Arc::new(Registry::open_or_create(folder.path()).unwrap());
        (folder, RegistryReader::start(registry, patience).unwrap())
    }

    #[test]
    fn a_question_that_is_never_answered_holds_up_those_who_ask_no_longer_than_their_patience() {
        let (_folder, reader) = reader(Duration::from_millis(100));
        let (release, hang) = channel::<()>();
        let begun = Instant::now();
        System::new().block_on(async {
            let hanging = move |_: &Registry| {
                let _ = hang.recv();
                Ok(())
            };
            for asked in [reader.ask(hanging).await.err(), reader.ask(|_| Ok(())).await.err()] {
                assert_eq!(asked.unwrap().status_code(), 503);
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
            // The storage comes back: so does the registry.
            drop(release);
            while reader.ask(|registry| registry.champion()).await.is_err() {
                assert!(begun.elapsed() < Duration::from_secs(30));
            }
        });
    }

    #[test]
    fn no_more_questions_wait_than_there_is_room_for() {
        let (_folder, reader) = reader(Duration::from_millis(50));
        let (release, hang) = channel::<()>();
        System::new().block_on(async {
            let hanging = move |_: &Registry| {
                let _ = hang.recv();
                Ok(())
            };
            assert!(reader.ask(hanging).await.is_err());
            let asked = (0..MOST_WAITING + 9).map(|_| reader.ask(|_| Ok(())));
            let refused = futures_util::future::join_all(asked).await;
            assert!(refused.iter().all(Result::is_err));
            let causes: Vec<_> = refused.iter().map(|answer| format!("{answer:?}")).collect();
            assert_eq!(causes.iter().filter(|cause| cause.contains("too many questions")).count(), 9);
            drop(release);
        });
    }

    #[test]
    fn a_panic_is_an_answer_and_not_the_end() {
        let (_folder, reader) = reader(PATIENCE);
        System::new().block_on(async {
            let asked = reader.ask(|_| -> Result<(), Error> { panic!("in a test") }).await;
            assert_eq!(asked.err().unwrap().status_code(), 500);
            assert_eq!(reader.ask(|registry| registry.champion()).await.unwrap(), None);
        });
    }
}
