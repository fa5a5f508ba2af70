//! Drives one run to its end, or to where another attempt has to wait.

use std::ops::RangeInclusive;
use std::time::Duration;

use isolation::{ControlTx, PlatformCtx, Store, Tx};
use kernel::TenantId;

use crate::run::{Direction, Outcome, Run, RunStatus, StepRecord};
use crate::runs;
use crate::steps::{self, Place, Step, StepError, Work};

/// Attempts at a step of a provisioning before it is rolled back.
const ATTEMPTS: i32 = 3;
const RENEW_EVERY: Duration = Duration::from_secs(2);

/// The run could not be driven on by this node at this time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DriveError {
    /// The control plane did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// Another node drives it.
    #[error("another node has taken the run over")]
    LeaseLost,
    /// A step has to wait.
    #[error("{0}; trying again later")]
    Postponed(String),
    /// There is no such run, or not its tenant.
    #[error("there is no such run")]
    Unknown,
}

/// Drives the run of a tenant that was just ordered, or resumes one, as far as it goes.
pub(crate) async fn drive(work: Work<'_>, run: Run) -> Result<Ended, DriveError> {
    let ctx = work.services.databases.system("provisioning");
    let (tenant, direction) = (run.tenant, run.direction);
    let mut driver = Driver {
        ctx: &ctx,
        work,
        steps: Step::of(direction).to_vec(),
        run,
    };
    tokio::select! {
        outcome = Box::pin(driver.drive()) => outcome?,
        lost = keep_lease(&ctx, tenant, direction) => return Err(lost),
    }
    Ok(Ended {
        run: driver.run,
        store: driver.work.store,
    })
}

/// A run that is driven no further.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) run: Run,
    pub(crate) store: Store,
}

/// Loads what is needed to resume a run.
pub(crate) async fn load(
    services: &steps::Services,
    tenant: TenantId,
    direction: Direction,
) -> Result<(Work<'_>, Run), DriveError> {
    let mut tx = services.databases.system("provisioning").control().await?;
    let run = runs::load(&mut tx, tenant, direction)
        .await?
        .ok_or(DriveError::Unknown)?;
    let work = Work::load(services, &mut tx, &run)
        .await?
        .ok_or(DriveError::Unknown)?;
    Ok((work, run))
}

async fn keep_lease(ctx: &PlatformCtx, tenant: TenantId, direction: Direction) -> DriveError {
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        match renew(ctx, tenant, direction).await {
            Ok(true) => {}
            Ok(false) => return DriveError::LeaseLost,
            Err(error) => tracing::warn!(%tenant, %error, "the lease of a run could not be renewed"),
        }
    }
}

async fn renew(ctx: &PlatformCtx, tenant: TenantId, direction: Direction) -> Result<bool, sqlx::Error> {
    let mut tx = ctx.control().await?;
    let renewed = runs::renew(&mut tx, tenant, direction, ctx.databases().node()).await?;
    tx.commit().await?;
    Ok(renewed)
}

struct Driver<'a> {
    ctx: &'a PlatformCtx,
    work: Work<'a>,
    steps: Vec<Step>,
    run: Run,
}

impl Driver<'_> {
    async fn drive(&mut self) -> Result<(), DriveError> {
        self.forward().await?;
        if self.run.status == RunStatus::RollingBack {
            self.back().await?;
        }
        Ok(())
    }

    /// Does what is still to be done, one step or one transaction of steps after the other.
    async fn forward(&mut self) -> Result<(), DriveError> {
        while matches!(self.run.status, RunStatus::Pending | RunStatus::InProgress) {
            self.run.status = RunStatus::InProgress;
            let Some(position) = self.run.next() else {
                return self.finish().await;
            };
            let outcome = match self.place(position) {
                Place::Outside => self.outside(position).await,
                Place::OwnDatabase => self.group(position + 1, Some(position)).await,
                Place::ControlPlane => self.group(position, None).await,
            };
            match outcome {
                Ok(()) => {}
                Err((_, StepError::LeaseLost)) => return Err(DriveError::LeaseLost),
                Err((position, error)) => self.failed(position, &error).await?,
            }
        }
        Ok(())
    }

    /// The steps that reach outside before the next one in the control plane: no transaction is open meanwhile. What
    /// is made of files goes beside what is made of the store. A failure on one side waits for the other.
    async fn outside(&mut self, first: usize) -> Result<(), (usize, StepError)> {
        let here = |at: &usize| self.place(*at) == Place::Outside;
        let left = (first..self.steps.len())
            .take_while(here)
            .filter(|at| !self.run.steps[*at].is_done());
        let (files, store): (Vec<_>, Vec<_>) = left.partition(|at| self.steps[*at].makes_files());
        let (on_store, on_files) = tokio::join!(self.side(&store), self.side(&files));
        let sides = [(store, on_store), (files, on_files)];
        let outcomes = sides.map(|(positions, (run, outcome))| {
            for at in positions {
                self.run.steps[at] = run.steps[at].clone();
            }
            outcome
        });
        outcomes.into_iter().collect()
    }

    /// These steps, one after the other up to the first that fails, and the run with what becomes of them.
    async fn side(&self, positions: &[usize]) -> (Run, Result<(), (usize, StepError)>) {
        let mut run = self.run.clone();
        for &at in positions {
            let announced = run.steps[at].is_announced();
            run.steps[at].begin(self.ctx.seams().now());
            match self.one_outside(at, &run, announced).await {
                Ok(outcome) => run.steps[at].complete(outcome, self.ctx.seams().now()),
                Err(error) => return (run, Err((at, error))),
            }
        }
        (run, Ok(()))
    }

    async fn one_outside(&self, position: usize, begun: &Run, announced: bool) -> Result<Outcome, StepError> {
        let step = self.steps[position];
        if step.takes_long(self.work.store.strategy) && !announced {
            self.show(begun).await?;
        }
        self.reach(step, "before")?;
        let outcome = Box::pin(steps::outside(step, &self.work)).await?;
        self.reach(step, "after")?;
        Ok(outcome)
    }

    /// This step and those that follow it in the control plane, in one transaction with their record, and with the
    /// end of the run if they are its last.
    ///
    /// A step in the tenant's own database may go `beside` it: connecting to a fresh database takes as long as all of
    /// them, and whoever commits has seen it done.
    async fn group(&mut self, first: usize, beside: Option<usize>) -> Result<(), (usize, StepError)> {
        let before = self.run.clone();
        let outcome = self.try_group(first, beside).await;
        if let Err((position, _)) = &outcome {
            self.run = before;
            self.run.steps[*position].begin(self.ctx.seams().now());
        }
        outcome
    }

    async fn try_group(&mut self, first: usize, beside: Option<usize>) -> Result<(), (usize, StepError)> {
        let last = (first..self.steps.len())
            .take_while(|at| self.place(*at) == Place::ControlPlane)
            .last()
            .unwrap_or(first);
        if let Some(at) = beside {
            // What it needs of the control plane comes before the transaction there, which it would wait for.
            let marked = self.work.services.databases.mark_active(&self.work.store).await;
            marked.map_err(|error| (at, error.into()))?;
        }
        let (aside, prepared) = tokio::join!(self.side(beside.as_slice()), self.prepare(first..=last));
        let (run, outcome) = aside;
        outcome?;
        let (tx, steps) = prepared?;
        self.run = run;
        self.run.steps[first..=last].clone_from_slice(&steps);
        if self.run.next().is_none() {
            self.run.complete(tx.now());
        }
        self.keep(tx).await.map_err(|error| (last, error))
    }

    /// The transaction of these steps, all done in it, and what is to be said of them.
    async fn prepare(
        &self,
        positions: RangeInclusive<usize>,
    ) -> Result<(ControlTx, Vec<StepRecord>), (usize, StepError)> {
        let (first, last) = (*positions.start(), *positions.end());
        let mut tx = self.ctx.control().await.map_err(|error| (first, error.into()))?;
        let mut done = self.run.steps[positions.clone()].to_vec();
        for (position, record) in positions.zip(&mut done) {
            record.begin(tx.now());
            let outcome = self
                .one_in(&mut tx, position)
                .await
                .map_err(|error| (position, error))?;
            record.complete(outcome, tx.now());
        }
        if last + 1 == self.steps.len() {
            steps::end(&self.work, &mut tx)
                .await
                .map_err(|error| (last, error))?;
        }
        Ok((tx, done))
    }

    async fn one_in(&self, tx: &mut ControlTx, position: usize) -> Result<Outcome, StepError> {
        let step = self.steps[position];
        self.reach(step, "before")?;
        let outcome = steps::control(step, &self.work, tx).await?;
        self.reach(step, "after")?;
        Ok(outcome)
    }

    fn place(&self, position: usize) -> Place {
        self.steps[position].place(self.work.store.strategy)
    }

    /// The end of a run whose last step was outside.
    async fn finish(&mut self) -> Result<(), DriveError> {
        let mut tx = self.ctx.control().await?;
        steps::end(&self.work, &mut tx).await.map_err(interrupted)?;
        self.run.complete(tx.now());
        self.keep(tx).await.map_err(interrupted)
    }

    async fn failed(&mut self, position: usize, error: &StepError) -> Result<(), DriveError> {
        let step = self.steps[position];
        let attempts = self.run.steps[position].attempts;
        tracing::warn!(tenant = %self.run.tenant, step = step.name(), attempts, %error, "a step failed");
        let gives_up = self.run.direction == Direction::Provision && attempts >= ATTEMPTS;
        self.run.steps[position].fail(&error.to_string(), !gives_up);
        if gives_up {
            self.run.give_up(format!("{}: {error}", step.name()));
        }
        self.save().await.map_err(interrupted)?;
        if self.run.direction == Direction::Deprovision {
            return self.postpone(attempts, &error.to_string()).await;
        }
        if !gives_up {
            tokio::time::sleep(Duration::from_millis(200) * attempts.unsigned_abs()).await;
        }
        Ok(())
    }

    /// Removes whatever the steps may have made, the last made first.
    async fn back(&mut self) -> Result<(), DriveError> {
        if let Err(error) = steps::undo_outside(&self.work).await {
            tracing::warn!(tenant = %self.run.tenant, %error, "a rollback step failed");
            return self.postpone(1, &error.to_string()).await;
        }
        let cause = self.run.error.clone().unwrap_or_default();
        let mut tx = self.ctx.control().await?;
        steps::undo_control(&self.work, &mut tx, &cause)
            .await
            .map_err(interrupted)?;
        self.run.undone(tx.now());
        self.keep(tx).await.map_err(interrupted)
    }

    /// Gives the run back for a while: 1, 2, 4, … seconds, at most five minutes.
    async fn postpone(&mut self, attempts: i32, cause: &str) -> Result<(), DriveError> {
        let pause =
            Duration::from_secs(1) * 2_u32.saturating_pow(attempts.unsigned_abs().saturating_sub(1).min(9));
        let mut tx = self.ctx.control().await?;
        runs::postpone(&mut tx, &self.run, pause.min(Duration::from_mins(5))).await?;
        tx.commit().await?;
        Err(DriveError::Postponed(cause.to_owned()))
    }

    async fn save(&self) -> Result<(), StepError> {
        self.keep(self.ctx.control().await?).await
    }

    /// Lets people see that a step has begun. A removal takes away what would tell later how far it was, so what was
    /// done before must be durable; while a tenant is made, a crash may take this back.
    async fn show(&self, begun: &Run) -> Result<(), StepError> {
        let mut tx = self.ctx.control().await?;
        self.record(&mut tx, begun).await?;
        match begun.direction {
            Direction::Provision => tx.commit_unhurried().await?,
            Direction::Deprovision => tx.commit().await?,
        }
        Ok(())
    }

    /// Commits with the record of where the run stands, if the lease still holds.
    async fn keep(&self, mut tx: ControlTx) -> Result<(), StepError> {
        self.record(&mut tx, &self.run).await?;
        Ok(tx.commit().await?)
    }

    async fn record(&self, tx: &mut ControlTx, run: &Run) -> Result<(), StepError> {
        if runs::save(tx, run, self.ctx.databases().node()).await? {
            Ok(())
        } else {
            Err(StepError::LeaseLost)
        }
    }

    fn reach(&self, step: Step, moment: &str) -> Result<(), StepError> {
        let faults = &self.ctx.seams().faults;
        if faults.is_none() {
            return Ok(());
        }
        faults
            .reach(&format!("{}.{moment}", step.name()))
            .map_err(|planted| StepError::Failed(planted.to_string()))
    }
}

/// Another attempt has to wait, or is another node's.
fn interrupted(error: StepError) -> DriveError {
    match error {
        StepError::LeaseLost => DriveError::LeaseLost,
        StepError::Failed(cause) => DriveError::Postponed(cause),
    }
}
