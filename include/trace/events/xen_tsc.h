/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM xen_tsc

#if !defined(_TRACE_XEN_TSC_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_XEN_TSC_H

#include <linux/tracepoint.h>

#define xen_tsc_source_name(tsc) ((tsc) ? "TSC" : "pvclock")

/* The TSC was judged again, after a resume */
TRACE_EVENT(xen_tsc_verdict,
	    TP_PROTO(unsigned int row, bool kept, bool emulated, u32 khz,
		     u32 incarnation),

	    TP_ARGS(row, kept, emulated, khz, incarnation),

	    TP_STRUCT__entry(__field(unsigned int, row)
			     __field(bool, kept)
			     __field(bool, emulated)
			     __field(u32, khz)
			     __field(u32, incarnation)
	    ),

	    TP_fast_assign(__entry->row = row;
			   __entry->kept = kept;
			   __entry->emulated = emulated;
			   __entry->khz = khz;
			   __entry->incarnation = incarnation;
	    ),

	    TP_printk("row=%u kept=%d emulated=%d khz=%u incarnation=%u",
		      __entry->row, __entry->kept, __entry->emulated,
		      __entry->khz, __entry->incarnation)
);

/* The TSC was given up: the scheduler clock goes on at @value, on the pvclock */
TRACE_EVENT(xen_tsc_demote,
	    TP_PROTO(u64 value, s64 gap),

	    TP_ARGS(value, gap),

	    TP_STRUCT__entry(__field(u64, value)
			     __field(s64, gap)
	    ),

	    TP_fast_assign(__entry->value = value;
			   __entry->gap = gap;
	    ),

	    TP_printk("value=%llu gap=%lld",
		      __entry->value, __entry->gap)
);

/*
 * The scheduler clock goes on after a sleep, in which its source has moved by
 * @downtime.  That can be negative on another host, and is 0 after a demotion:
 * then there is one source before and another one after.
 */
TRACE_EVENT(xen_sched_clock_rebase,
	    TP_PROTO(bool from_tsc, bool to_tsc, s64 old_offset, s64 new_offset),

	    TP_ARGS(from_tsc, to_tsc, old_offset, new_offset),

	    TP_STRUCT__entry(__field(bool, from_tsc)
			     __field(bool, to_tsc)
			     __field(s64, old_offset)
			     __field(s64, new_offset)
			     __field(s64, downtime)
	    ),

	    TP_fast_assign(__entry->from_tsc = from_tsc;
			   __entry->to_tsc = to_tsc;
			   __entry->old_offset = old_offset;
			   __entry->new_offset = new_offset;
			   __entry->downtime = from_tsc == to_tsc ? new_offset - old_offset : 0;
	    ),

	    TP_printk("from=%s to=%s old_offset=%lld new_offset=%lld downtime=%lld",
		      xen_tsc_source_name(__entry->from_tsc),
		      xen_tsc_source_name(__entry->to_tsc), __entry->old_offset,
		      __entry->new_offset, __entry->downtime)
);

/* The guard has looked at both clocks; comes with each timer interrupt */
TRACE_EVENT(xen_tsc_look,
	    TP_PROTO(u64 tsc, u64 pvclock, s64 gap),

	    TP_ARGS(tsc, pvclock, gap),

	    TP_STRUCT__entry(__field(u64, tsc)
			     __field(u64, pvclock)
			     __field(s64, gap)
	    ),

	    TP_fast_assign(__entry->tsc = tsc;
			   __entry->pvclock = pvclock;
			   __entry->gap = gap;
	    ),

	    TP_printk("tsc=%llu pvclock=%llu gap=%lld",
		      __entry->tsc, __entry->pvclock, __entry->gap)
);

#endif /* _TRACE_XEN_TSC_H */

/* This part must be outside protection */
#include <trace/define_trace.h>
