# SPDX-License-Identifier: GPL-3.0-or-later
# remaining: what each migration still has to send, against the threshold below which it may switch over.
# Draws remaining.svg and remaining.png from remaining.csv, which `lockkeeper simulate --plots` writes; run it
# again with `gnuplot remaining.gp` in that folder. The colours are Okabe and Ito's, the lines are marked as
# well. The NAMED_MOST VMs that were under way for longest are named, the others are grey.

set encoding utf8
set datafile separator ','
set datafile missing NaN
data = 'remaining.csv'
NAMED_MOST = 7
VMS_MOST = 4000
LEAST_MIB = 0.1

grey = 0x555555
array ink[7] = [0x0072B2, 0xD55E00, 0x009E73, 0xCC79A7, 0xE69F00, 0x56B4E9, 0x000000]
cut(s, n) = strlen(s) > n ? s[1:n - 1].'…' : s

# Each VM's first and last time; past VMS_MOST of them the rest is only drawn.
array name_of[VMS_MOST]
array begin_of[VMS_MOST]
array end_of[VMS_MOST]
vms = 0
more = 0
samples = 0
most_s = 0
most_mib = 1
least_mib = 1e9
known = "\n"
name_before = ''
vm = 0
found(name) = (at = strstrt(known, "\n".name."\t"), at == 0 ? 0 : \
    int(real(known[at + strlen(name) + 2:at + strlen(name) + 12])))
vm_new(name, t) = vms == VMS_MOST ? (more = 1, 0) : (vms = vms + 1, name_of[vms] = name, begin_of[vms] = t, \
    known = known.name."\t".sprintf("%d\n", vms), vms)
vm_find(name, t) = (vm = name eq name_before ? vm : found(name), vm = vm > 0 ? vm : vm_new(name, t), \
    name_before = name, vm)
line_add(t, name, mib, threshold) = (samples = samples + 1, vm_find(name, t) > 0 ? (end_of[vm] = t) : 0, \
    t > most_s ? (most_s = t) : 0, \
    mib > most_mib ? (most_mib = mib) : 0, \
    threshold > 0 && threshold < least_mib ? (least_mib = threshold) : 0, 0)
set table $NOTHING
plot data skip 1 using (line_add(column(1), strcol(2), column(3), column(4))) with table
unset table

# The longest ones, in the order in which they began.
array is_named[VMS_MOST + 1]
do for [i = 1:vms] {
    is_named[i] = 0
}
named = 0
do for [n = 1:(vms < NAMED_MOST ? vms : NAMED_MOST)] {
    best = 0
    do for [i = 1:vms] {
        if (!is_named[i] && (best == 0 || end_of[i] - begin_of[i] > end_of[best] - begin_of[best])) {
            best = i
        }
    }
    is_named[best] = 1
    named = n
}
array shown[NAMED_MOST]
n = 0
do for [i = 1:vms] {
    if (is_named[i]) {
        n = n + 1
        shown[n] = i
    }
}
others = vms - named

unit = most_s < 600 ? 's' : most_s < 7200 ? 'min' : 'h'
unit_s = most_s < 600 ? 1.0 : most_s < 7200 ? 60.0 : 3600.0
floor_mib = least_mib < 1e9 ? least_mib / 4 : 1
floor_mib = floor_mib < LEAST_MIB ? LEAST_MIB : floor_mib

# What is left falls evenly between two rows, which is no straight line on this axis: such a way is drawn in
# pieces. It rises at syncs only, at one moment: a rise over time is another migration of the same VM.
PIECES = samples < 4000 ? 24 : samples < 40000 ? 6 : 1
array time_before[VMS_MOST + 1]
array mib_before[VMS_MOST + 1]
array colour_of[VMS_MOST + 1]
do for [i = 1:vms] {
    colour_of[i] = 0xCCCCCC
    time_before[i] = -1
    mib_before[i] = 0
}
do for [n = 1:named] {
    colour_of[shown[n]] = ink[n]
}
begin_s = -1
begin_mib = 0
clamp(x) = x > floor_mib ? x : floor_mib
forget(any) = (sum [i = 1:vms] (time_before[i] = -1))
step(t, name, mib) = (vm = name eq name_before ? vm : found(name), name_before = name, \
    begin_s = vm ? time_before[vm] : -1, begin_mib = vm ? mib_before[vm] : 0, \
    vm ? (time_before[vm] = t) : 0, vm ? (mib_before[vm] = mib) : 0, \
    begin_s >= 0 && (mib <= begin_mib || t <= begin_s))
way(k, t, name, mib) = step(t, name, mib) ? (begin_s + (t - begin_s) * k / PIECES) / unit_s : NaN
height(k, mib) = clamp(begin_mib + (mib - begin_mib) * k / PIECES)
drawn(of_named) = vm && (of_named ? is_named[vm] : !is_named[vm])
# Without others there is one pass all the same, which must draw something, though it is not seen.
nowhere = others ? NaN : floor_mib / 2
sign_of(i) = (sign = 0, sum [n = 1:named] (sign = shown[n] == i ? n : sign), sign)

wide = 1100
high = 560
title = vms == 0 ? 'No memory was sent' : 'What is still to be sent'
rest = others == 0 ? '' : \
    sprintf('   the %d longest of %s%d migrations are named', named, more ? 'more than ' : '', vms)

set grid ytics back linecolor rgb 0xDDDDDD linetype 1
set key outside right top Left reverse samplen 3 noenhanced width 1

do for [form in 'svg png'] {
    if (form eq 'svg') {
        set terminal svg size wide, high noenhanced font 'sans-serif,13' background '#FFFFFF'
    } else {
        set terminal pngcairo size wide, high noenhanced font 'sans-serif,10' background '#FFFFFF'
    }
    set output 'remaining.'.form
    set tmargin at screen 1 - 56.0 / high
    set bmargin at screen 56.0 / high
    set lmargin at screen 84.0 / wide
    set rmargin at screen 1 - 270.0 / wide
    set label 1 title.rest at screen 20.0 / wide, screen 1 - 26.0 / high left font ',15'
    if (vms == 0) {
        unset border
        unset tics
        unset key
        set xrange [0:1]
        set yrange [0:1]
        plot NaN
    } else {
        set border 3 linecolor rgb grey
        set logscale y 10
        set format y '%.0f'
        set xrange [0:(most_s > 0 ? most_s / unit_s * 1.02 : 1)]
        set yrange [floor_mib:most_mib * 1.5]
        set xtics out nomirror scale 0.5 textcolor rgb grey
        set ytics out nomirror scale 0.5 textcolor rgb grey
        set xlabel 'time since the start, '.unit textcolor rgb grey
        set ylabel 'still to be sent, MiB' textcolor rgb grey
        # In each pass of the data the rows' order is the file's, so that what came before is forgotten first.
        plot for [k = 0:(others > 0 ? PIECES : 0) - 1] data skip 1 \
                using ($0 == 0 ? forget(0) : 0, way(k, $1, strcol(2), $3)): \
                (drawn(0) ? height(k, $3) : nowhere): \
                (($1 - begin_s) / PIECES / unit_s):(others ? height(k + 1, $3) - height(k, $3) : 0) \
                with vectors nohead linecolor rgb 0xCCCCCC notitle, \
            for [k = 0:PIECES - 1] data skip 1 using ($0 == 0 ? forget(0) : 0, way(k, $1, strcol(2), $3)): \
                (drawn(1) ? height(k, $3) : NaN):(($1 - begin_s) / PIECES / unit_s): \
                (height(k + 1, $3) - height(k, $3)):(vm ? colour_of[vm] : 0) \
                with vectors nohead linewidth 2 linecolor rgb variable notitle, \
            data skip 1 using ($0 == 0 ? forget(0) : 0, way(0, $1, strcol(2), $3)): \
                (drawn(1) && $4 > 0 ? clamp($4) : NaN):(($1 - begin_s) / unit_s):(0): \
                (vm ? colour_of[vm] : 0) \
                with vectors nohead linewidth 1.2 dashtype (4, 3) linecolor rgb variable notitle, \
            data skip 1 using ($0 == 0 ? forget(0) : 0, step($1, strcol(2), $3), \
                vm && begin_s < 0 && is_named[vm] ? $1 / unit_s : NaN):(clamp($3)):(sign_of(vm)): \
                (vm ? colour_of[vm] : 0) with points pointtype variable linecolor rgb variable notitle, \
            for [n = 1:named] NaN with linespoints linecolor rgb ink[n] linewidth 2 pointtype n \
                title cut(name_of[shown[n]], 26), \
            NaN with lines linecolor rgb 0xCCCCCC title (others ? 'the others' : ''), \
            NaN with lines linecolor rgb grey linewidth 1.2 dashtype (4, 3) \
                title 'threshold to switch over'
    }
    unset label
    unset output
}
