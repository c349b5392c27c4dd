//! What was tried. A study file is a line of JSON for the search and one for each finished trial,
//! written as soon as it ends, so that a search that is killed continues where it was.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Parallel;
use crate::error::{Error, Result};
use crate::folder;
use crate::model::Params;

/// One finished trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Its number, from 0.
    pub number: usize,
    /// What was tried.
    pub params: Params,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Rounds, from 1, and the value after them (of a training: mean absolute error in US dollars), at the checkpoints
    /// reached.
    pub curve: Vec<(usize, f64)>,
    /// Mean value after one fold, two and so on, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub folds: Vec<f64>,
}

impl Trial {
    /// The value by which trials are compared whatever became of them: that after the first fold, which
    /// all had, since folds differ in how hard they are.
    pub fn comparable(&self) -> f64 {
        self.folds.first().copied().unwrap_or_else(|| self.outcome.value())
    }

    /// Whether it came to the end of its first fold, or its only one.
    pub fn has_grown(&self) -> bool {
        !self.folds.is_empty() || matches!(self.outcome, Outcome::Complete { .. })
    }
}

/// How a trial ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Outcome {
    /// It ran to its end.
    Complete {
        /// Its value; smaller is better.
        value: f64,
        /// The parameters for a fit that repeats it, such as the number of rounds that was best.
        refit: Params,
    },
    /// It was given up.
    Pruned {
        /// Its value when it was.
        value: f64,
    },
    /// It could not be carried out.
    Failed {
        /// Why, in a sentence.
        reason: String,
    },
}

impl Outcome {
    /// The value, final or not; larger than any where there is none.
    pub fn value(&self) -> f64 {
        match self {
            Self::Complete { value, .. } | Self::Pruned { value } => *value,
            Self::Failed { .. } => f64::INFINITY,
        }
    }
}

/// Everything that decides the course of a search, apart from its length. Two searches with equal
/// headers are the same search.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StudyHeader {
    /// Version of the file's format.
    pub format: u32,
    /// What is measured: family, rows, the library's version and the like.
    pub objective: serde_json::Value,
    /// What may be tried.
    pub space: super::Space,
    /// What decides what is tried.
    pub sampler: super::SamplerKind,
    /// The sampler's seed.
    pub seed: u64,
    /// How many trials may run side by side. A file that does not say it is of the time when it was always eight.
    #[serde(default, skip_serializing_if = "Parallel::is_default")]
    pub parallel: Parallel,
}

/// An open study file. It is locked: two processes cannot write one study.
pub struct Study {
    path: PathBuf,
    file: File,
    header: String,
    trials: Vec<Trial>,
}

impl Study {
    /// Opens or begins the study at `path`. A last line that a killed process left unfinished is
    /// dropped; its trial is run again.
    ///
    /// # Errors
    /// [`Error::Study`] when the file belongs to another search, is damaged, or is in use.
    pub fn open(path: &Path, header: &StudyHeader) -> Result<Self> {
        let refused = |reason: String| Error::Study { path: path.into(), reason };
        let header = serde_json::to_string(header).map_err(|error| refused(error.to_string()))?;
        let is_new = match std::fs::metadata(path) {
            Ok(there) if !there.is_file() => return Err(refused("it is no file".into())),
            there => there.is_err(),
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|source| Error::write(path, source))?;
        file.try_lock().map_err(|_| refused("another run is working on it".into()))?;
        let mut study = Self { path: path.into(), file, header, trials: Vec::new() };
        let sound = study.read_lines()?;
        study.file.set_len(sound).map_err(|source| Error::write(path, source))?;
        study.file.seek(SeekFrom::End(0)).map_err(|source| Error::write(path, source))?;
        if sound == 0 {
            let header = study.header.clone();
            study.write_line(header)?;
        }
        if is_new && let Some(folder) = path.parent() {
            // Its name has to outlive a power cut, too.
            folder::sync(folder).map_err(|source| Error::write(folder, source))?;
        }
        Ok(study)
    }

    /// Reads header and trials; returns the length of the part that is whole.
    fn read_lines(&mut self) -> Result<u64> {
        let mut reader = BufReader::new(&self.file);
        let mut sound = 0;
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let length =
                reader.read_until(b'\n', &mut line).map_err(|source| Error::read(&self.path, source))?;
            if line.last() != Some(&b'\n') {
                break;
            }
            line.pop();
            let refused = |reason: String| Error::Study { path: self.path.clone(), reason };
            if number == 1 {
                if line != self.header.as_bytes() {
                    return Err(refused("it belongs to another search".into()));
                }
            } else {
                let trial: Trial = serde_json::from_slice(&line)
                    .map_err(|error| refused(format!("line {number} is damaged ({error})")))?;
                self.trials.push(trial);
            }
            sound += length as u64;
        }
        Ok(sound)
    }

    /// The trials so far, in the order in which they ended.
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// Adds a finished trial and puts it on disk.
    pub fn add(&mut self, trial: Trial) -> Result<()> {
        let line = json_line(&trial)?;
        self.write_line(line)?;
        self.trials.push(trial);
        Ok(())
    }

    /// The study as one sorted text: the header and the first `n_trials` trials by number. It is a
    /// function of the search alone, not of the machine that ran it.
    pub fn sorted(&self, n_trials: usize) -> Result<Vec<u8>> {
        let mut trials: Vec<_> = self.trials.iter().filter(|trial| trial.number < n_trials).collect();
        trials.sort_by_key(|trial| trial.number);
        let mut text = format!("{}\n", self.header);
        for trial in trials {
            text.push_str(&json_line(trial)?);
            text.push('\n');
        }
        Ok(text.into_bytes())
    }

    fn write_line(&mut self, mut line: String) -> Result<()> {
        line.push('\n');
        // One write, so that a line is torn at most at its end.
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|source| Error::write(&self.path, source))
    }
}

fn json_line(trial: &Trial) -> Result<String> {
    serde_json::to_string(trial).map_err(|error| Error::Fit {
        model: "search",
        reason: format!("a trial cannot be written down: {error}"),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{SamplerKind, Space};
    use super::*;

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let header = StudyHeader {
            format: 1,
            objective: "waiting".into(),
            space: Space(Vec::new()),
            sampler: SamplerKind::Random,
            seed: 1,
            parallel: Parallel::default(),
        };
        assert!(Study::open(&path, &header).err().unwrap().to_string().contains("it is no file"));
    }
}
