//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, Parser, Subcommand, value_parser};
use toml::Value;
use xtream_core::tuning::Parallel;
use xtream_core::valuation::Confidence;

use crate::layers::{Flag, Flags};

/// Prices diamonds: trains models on past sales, keeps every one of them, and answers with the best.
#[derive(Debug, Parser)]
#[command(name = "xtream", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// File of settings [default: xtream.toml, if there is one here]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train every family of models on the data, record each, promote the winner
    Train(TrainArgs),
    /// Look at models, compare them, choose the one that answers
    Models(ModelsArgs),
    /// Price every stone of a CSV, Excel or Parquet file with the champion
    Value(ValueArgs),
    /// Show what files would be understood as: form, columns, units, and the rows that would be refused
    Inspect(InspectArgs),
    /// Find the stones most like one: same cut, color and clarity, nearest in carat
    Similar(SimilarArgs),
    /// Answer over HTTP: the REST API
    Serve(ServeArgs),
    /// Look at a place where models are to be kept
    Registry(RegistryArgs),
    /// Look after the record of requests and answers
    Exchanges(ExchangesArgs),
    /// Train again whenever new data files appear in a folder
    Watch(WatchArgs),
}

impl Command {
    /// The flags that stand for settings, as the highest layer of them.
    pub(crate) fn flags(&self) -> Flags {
        let given: Vec<Option<Flag>> = match self {
            Self::Train(args) => args.options.flags().into(),
            Self::Watch(args) => {
                let interval = flag("watch", "interval", "--interval", args.interval);
                args.options.flags().into_iter().chain([interval]).collect()
            }
            Self::Models(args) => vec![registry(args.registry.as_deref())],
            Self::Value(args) => vec![args.registry.flag()],
            Self::Inspect(_) | Self::Registry(_) => Vec::new(),
            Self::Similar(args) => vec![args.registry.flag()],
            Self::Serve(args) => args.flags().into(),
            Self::Exchanges(ExchangesArgs { command: ExchangesCommand::Retry(args) }) => {
                vec![flag("serve", "exchange_log", "--exchange-log", args.exchange_log.as_deref())]
            }
        };
        given.into_iter().flatten().collect()
    }
}

/// A setting's section (empty at the top), its name, the flag that stands for it, and what was given.
fn flag(
    section: &'static str,
    name: &'static str,
    flag: &'static str,
    given: Option<impl Into<Value>>,
) -> Option<Flag> {
    Some((section, name, given?.into(), flag))
}

fn registry(given: Option<&str>) -> Option<Flag> {
    flag("", "registry", "--registry", given)
}

#[derive(Debug, Default, Args)]
pub(crate) struct RegistryArg {
    /// Models, their rows and all decisions: a folder, or a place in an S3-like store such as s3://shop/diamonds
    /// [default: registry]
    #[arg(long, value_name = "PLACE")]
    registry: Option<String>,
}

impl RegistryArg {
    fn flag(&self) -> Option<Flag> {
        registry(self.registry.as_deref())
    }
}

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// CSV, Excel or Parquet files, folders of them, or patterns; several are one data set
    #[arg(required = true)]
    pub(crate) data: Vec<PathBuf>,
    /// Compare on these rows instead of the stable split; all of DATA then trains
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) test: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) options: TrainOptions,
    /// One machine-readable report on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// How files are to be read, where what is found out about them is not right.
#[derive(Debug, Default, Args)]
pub(crate) struct ReadingArgs {
    /// What parts the columns: a comma, a semicolon, a bar (|) or the word tab [default: found out]
    #[arg(long, value_name = "SIGN")]
    pub(crate) delimiter: Option<String>,
    /// The sign of decimals: point or comma [default: found out]
    #[arg(long, value_name = "SIGN")]
    pub(crate) decimal: Option<String>,
    /// The encoding, such as utf-8 or windows-1252 [default: found out]
    #[arg(long, value_name = "NAME")]
    pub(crate) encoding: Option<String>,
    /// The sheet of a workbook [default: the first one that has the columns]
    #[arg(long, value_name = "NAME")]
    pub(crate) sheet: Option<String>,
    /// What a column of the file is, such as "Gewicht=carat"; "Type=-" leaves one aside. May be given several times
    #[arg(long, value_name = "THEIRS=OURS")]
    pub(crate) column: Vec<String>,
}

/// What `train` and `watch` share.
#[derive(Debug, Default, Args)]
pub(crate) struct TrainOptions {
    #[command(flatten)]
    registry: RegistryArg,
    /// Families to train, separated by commas [default: all built in]
    #[arg(long, value_delimiter = ',', value_name = "NAME,...")]
    models: Vec<String>,
    /// Most search trials a family, fewer when they gain nothing; 0 trains with default parameters [default: 100]
    #[arg(long, value_name = "N", value_parser = value_parser!(i64).range(0..))]
    trials: Option<i64>,
    /// Seed of search and training [default: 42]
    #[arg(long, value_name = "N", value_parser = value_parser!(i64).range(0..))]
    seed: Option<i64>,
    /// How many trials may run side by side, from 1 to 256; each knows the results of those that many before it, so it is
    /// a part of what is searched [default: 8]
    #[arg(long, value_name = "N", value_parser = value_parser!(i64).range(1..=Parallel::MOST as i64))]
    parallel: Option<i64>,
    /// Cores that work on it; the result does not depend on it [default: all cores]
    #[arg(long, value_name = "N", value_parser = value_parser!(i64).range(0..))]
    jobs: Option<i64>,
    /// Train each family N times with different seeds [default: 1]
    #[arg(long, value_name = "N", value_parser = value_parser!(i64).range(1..))]
    repeats: Option<i64>,
    /// What the search tries [default: narrow]
    #[arg(long, value_parser = ["narrow", "notebook"])]
    space: Option<String>,
    /// How the search chooses the next trial [default: tpe]
    #[arg(long, value_parser = ["tpe", "random"])]
    sampler: Option<String>,
    /// Let a price fall where a stone gets better or heavier, if sales were like that: with tens of thousands
    /// of sales some 1 % nearer
    #[arg(long)]
    pub(crate) free: bool,
    /// The default: linear-derived and xgboost-derived never price a better cut, color or clarity or more
    /// weight lower; the card says what that costs in accuracy
    #[arg(long, conflicts_with = "free")]
    monotone: bool,
    /// Leave out what ranges of prices are made of: six times as quick to fit, and prices have no range
    #[arg(long)]
    no_ranges: bool,
    /// Record the models but leave the champion alone
    #[arg(long)]
    pub(crate) no_promote: bool,
    /// Rows of implausible geometry [default: reject]
    #[arg(long, value_parser = ["reject", "keep"])]
    suspect: Option<String>,
    /// Rows that stand there twice [default: drop]
    #[arg(long, value_parser = ["drop", "keep"])]
    duplicates: Option<String>,
    /// Percentage of refused rows above which nothing is trained [default: 1]
    #[arg(long, value_name = "PERCENT")]
    max_rejects: Option<f64>,
    /// Learn from numbers that look as if they had another unit (prices in thousands, weights in points)
    #[arg(long)]
    pub(crate) accept_units: bool,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
    /// Where refused rows are listed with their reasons [default: in the registry, beside the data set; of a delivery that
    /// is not believed, in its folder, or for a registry in a store in the present one]
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
}

impl TrainOptions {
    fn flags(&self) -> [Option<Flag>; 13] {
        [
            self.registry.flag(),
            flag("train", "models", "--models", (!self.models.is_empty()).then(|| self.models.clone())),
            flag("train", "trials", "--trials", self.trials),
            flag("train", "seed", "--seed", self.seed),
            flag("train", "parallel", "--parallel", self.parallel),
            flag("train", "jobs", "--jobs", self.jobs),
            flag("train", "repeats", "--repeats", self.repeats),
            flag("train", "space", "--space", self.space.as_deref()),
            flag("train", "sampler", "--sampler", self.sampler.as_deref()),
            flag("train", "suspect", "--suspect", self.suspect.as_deref()),
            flag("train", "duplicates", "--duplicates", self.duplicates.as_deref()),
            flag("train", "max_rejects", "--max-rejects", self.max_rejects),
            flag("train", "ranges", "--no-ranges", self.no_ranges.then_some(false)),
        ]
    }
}

#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    #[command(subcommand)]
    pub(crate) command: ModelsCommand,
    /// Models, their rows and all decisions: a folder, or a place in an S3-like store such as s3://shop/diamonds
    /// [default: registry]
    #[arg(long, global = true, value_name = "PLACE")]
    registry: Option<String>,
    /// Machine-readable output
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// Every model with its figures, newest first
    List,
    /// Everything known about one model
    Show {
        /// A version number, or `champion`
        version: Version,
    },
    /// Two models on the same stones
    Compare {
        /// The one that is asked about
        version: Version,
        /// The one it is held against
        other: Version,
    },
    /// Make a model the one that answers
    Promote {
        /// A version number
        version: Version,
        /// Why, for the record
        #[arg(long, default_value = "Promoted by hand.")]
        reason: String,
    },
    /// Make the former champion the champion again
    Rollback {
        /// Why, for the record
        #[arg(long, default_value = "Rolled back by hand.")]
        reason: String,
    },
    /// Write a copy to carry away: card, pipeline, XGBoost's own model file
    Export {
        /// A version number, or `champion`
        version: Version,
        /// Folder for the copy
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Check the whole registry for damage
    Fsck,
    /// Remove files that belong to no model: those that stopped runs left 24 hours ago or earlier
    Prune {
        /// Say what would be removed, and remove nothing
        #[arg(long)]
        dry_run: bool,
    },
}

/// A version as users type it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Version {
    Champion,
    Number(u64),
}

impl std::str::FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "champion" => Ok(Self::Champion),
            _ => text
                .trim_start_matches('v')
                .parse()
                .map(Self::Number)
                .map_err(|_| "allowed is a version number such as 3, or `champion`".into()),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ValueArgs {
    /// CSV, Excel or Parquet file with carat, cut, color, clarity and, where known, depth, table, x, y, z
    pub(crate) file: PathBuf,
    /// Where to write the rows with the columns price_usd and warnings (xtream_price_usd where the file has one of that name); Parquet if it ends in .parquet [default: CSV on standard output]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Where each price lies, too: the columns low_usd, high_usd and confidence, which is empty for stones beyond those that
    /// the model learned from
    #[arg(long)]
    pub(crate) range: bool,
    /// How often the range shall hold the price: a number from 0.5 to 0.99, such as 0.9 [default: 0.9]
    #[arg(long, value_name = "SHARE", requires = "range", value_parser = confidence)]
    pub(crate) confidence: Option<Confidence>,
    /// Model to price with: a version number, or `champion`
    #[arg(long, default_value = "champion", value_name = "V")]
    pub(crate) version: Version,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
    #[command(flatten)]
    registry: RegistryArg,
}

impl ValueArgs {
    /// How often ranges shall hold the price; `None` when prices alone are wanted.
    pub(crate) fn confidence(&self) -> Option<Confidence> {
        self.range.then(|| self.confidence.unwrap_or_default())
    }
}

fn confidence(text: &str) -> Result<Confidence, String> {
    text.parse().map_err(|_| format!("allowed is {}", Confidence::ALLOWED))
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// CSV, Excel or Parquet files, folders of them, or patterns
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Machine-readable output
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SimilarArgs {
    /// Weight in carat
    #[arg(long)]
    pub(crate) carat: String,
    /// Fair, Good, Very Good, Premium or Ideal
    #[arg(long)]
    pub(crate) cut: String,
    /// J (worst) to D (best)
    #[arg(long)]
    pub(crate) color: String,
    /// I1, SI2, SI1, VS2, VS1, VVS2, VVS1 or IF
    #[arg(long)]
    pub(crate) clarity: String,
    /// How many stones
    #[arg(short, default_value_t = 5, value_parser = value_parser!(u64).range(1..))]
    pub(crate) n: u64,
    /// Model whose training stones are searched: a version number, or `champion`
    #[arg(long, default_value = "champion", value_name = "V")]
    pub(crate) version: Version,
    /// Machine-readable output
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    registry: RegistryArg,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    registry: RegistryArg,
    /// Where no model answers yet: train on these files. A first model answers within seconds; the full training
    /// goes on meanwhile, and its best model takes over by itself
    #[arg(long, value_name = "DATA", num_args = 1..)]
    pub(crate) train: Vec<PathBuf>,
    /// Where to listen; port 0 takes any free one [default: 127.0.0.1:8000]
    #[arg(long, value_name = "ADDRESS")]
    bind: Option<SocketAddr>,
    /// Address of MongoDB; without one the local exchange log alone is used
    #[arg(long, value_name = "URI")]
    mongodb: Option<String>,
    /// Folder of the local exchange log [default: exchange-log]
    #[arg(long, value_name = "DIR")]
    exchange_log: Option<String>,
    /// Whether a record is on disk before its answer leaves [default: fsync]
    #[arg(long, value_parser = durability())]
    durability: Option<String>,
    /// Show every setting and where its value comes from, and serve nothing
    #[arg(long)]
    pub(crate) print_config: bool,
}

impl ServeArgs {
    fn flags(&self) -> [Option<Flag>; 5] {
        [
            self.registry.flag(),
            flag("serve", "bind", "--bind", self.bind.map(|bind| bind.to_string())),
            flag("serve", "mongodb", "--mongodb", self.mongodb.as_deref()),
            flag("serve", "exchange_log", "--exchange-log", self.exchange_log.as_deref()),
            flag("serve", "durability", "--durability", self.durability.as_deref()),
        ]
    }
}

fn durability() -> PossibleValuesParser {
    PossibleValuesParser::new([
        PossibleValue::new("fsync").help("Survives a power cut"),
        PossibleValue::new("os").help("Survives the end of the program, not of the machine"),
    ])
}

#[derive(Debug, Args)]
pub(crate) struct ExchangesArgs {
    #[command(subcommand)]
    pub(crate) command: ExchangesCommand,
}

#[derive(Debug, Args)]
pub(crate) struct RegistryArgs {
    #[command(subcommand)]
    pub(crate) command: RegistryCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RegistryCommand {
    /// Whether a folder, such as one on a network drive, or a place in an S3-like store keeps what a registry rests on
    Probe {
        /// The folder, or an address such as s3://shop/diamonds; it needs no registry in it, and nothing of the probe
        /// stays there
        place: String,
        /// Machine-readable output
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ExchangesCommand {
    /// Offer MongoDB again what it refused for good: the running server does it, or the next one that starts
    Retry(RetryArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    /// Folder of the local exchange log [default: exchange-log]
    #[arg(long, value_name = "DIR")]
    exchange_log: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// Folder that deliveries are put into
    pub(crate) folder: PathBuf,
    /// Seconds between two looks into the folder [default: 2]
    #[arg(long, value_name = "SECONDS")]
    interval: Option<f64>,
    #[command(flatten)]
    pub(crate) options: TrainOptions,
}
