"""Puts a sample together from its parts."""

from eventflow_pipeline.dev.sample.audience import build_audience
from eventflow_pipeline.dev.sample.dimensions import agency_members, build_dimensions, client_members
from eventflow_pipeline.dev.sample.facts import Facts
from eventflow_pipeline.dev.sample.names import stream
from eventflow_pipeline.dev.sample.options import SampleOptions, Timeline
from eventflow_pipeline.dev.sample.rows import Sample
from eventflow_pipeline.dev.sample.traffic import Traffic, make_plans, reserve
from eventflow_pipeline.dev.sample.traps import plant
from eventflow_pipeline.dev.sample.traps.world import World


def generate(options: SampleOptions) -> Sample:
    """The sample that ``options`` describe: no input or output, no clock; equal options give equal rows.

    Raises SampleRefused when ``now`` leaves too few complete days for the traps.
    """
    timeline = Timeline.of(options)
    rows = build_dimensions(options, timeline)
    reserved = reserve(rows, timeline)
    facts = Facts(stream(options.seed, "facts"))
    Traffic(options, timeline, reserved, facts).run(make_plans(options, timeline, rows))
    viewers = build_audience(options, timeline, rows)
    world = World(timeline, rows, reserved, facts, viewers, stream(options.seed, "traps"))
    traps = plant(world)
    facts.finish()
    return Sample(
        options=options,
        agencies=rows.agencies,
        clients=rows.clients,
        client_members=client_members(rows.clients),
        agency_members=agency_members(rows.agencies),
        campaigns=rows.campaigns,
        webinars=rows.webinars,
        links=rows.links,
        visits=facts.visits,
        entries=facts.entries,
        presence=viewers.presence,
        concurrency=viewers.buckets,
        traps=traps,
    )
