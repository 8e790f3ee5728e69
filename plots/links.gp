# SPDX-License-Identifier: GPL-3.0-or-later
# links: how much of each link's capacity migrations use over time, a lane a link and direction. Draws
# links.svg and links.png from links.csv, which `lockkeeper simulate --plots` writes; run it again with
# `gnuplot links.gp` in that folder. A row of the table says what holds from its time on. The LANES_MOST
# busiest lanes are drawn: blue, or Okabe and Ito's vermilion and full where a link is at its capacity.

set encoding utf8
set datafile separator ','
data = 'links.csv'
LANES_MOST = 16
LINKS_MOST = 500
FULL = 0.98

grey = 0x555555
blue = 0x0072B2
vermilion = 0xD55E00
cut(s, n) = strlen(s) > n ? s[1:n - 1].'…' : s
speed(mbit_s) = mbit_s >= 1000 ? sprintf('%.4g Gbit/s', mbit_s / 1000) : sprintf('%.4g Mbit/s', mbit_s)

# Each link's use so far: what holds since when, and the megabits sent.
array label_of[LINKS_MOST]
array used_of[LINKS_MOST]
array since_of[LINKS_MOST]
array sum_of[LINKS_MOST]
links = 0
more = 0
most_s = 0
known = "\n"
found(name) = (at = strstrt(known, "\n".name."\t"), at == 0 ? 0 : \
    int(real(known[at + strlen(name) + 2:at + strlen(name) + 12])))
link_new(name, label) = links == LINKS_MOST ? (more = 1, 0) : (links = links + 1, label_of[links] = label, \
    used_of[links] = 0, since_of[links] = 0, sum_of[links] = 0, \
    known = known.name."\t".sprintf("%d\n", links), links)
link_find(name, label) = (link = found(name), link > 0 ? link : link_new(name, label))
used_set(t, used) = link == 0 ? 0 : (sum_of[link] = sum_of[link] + used_of[link] * (t - since_of[link]), \
    used_of[link] = used, since_of[link] = t, 0)
line_add(t, name, label, used) = (t > most_s ? (most_s = t) : 0, \
    link = link_find(name, label), used_set(t, used))
arrow(direction) = direction eq 'up' ? '↑ ' : direction eq 'down' ? '↓ ' : direction.' '
set table $NOTHING
plot data skip 1 using (line_add(column(1), strcol(2)." ".strcol(3), \
    arrow(strcol(3)).cut(strcol(2), 26).',  '.speed(column(5)), column(4))) with table
unset table

# The busiest ones, in the order in which they were first used.
lanes = 0
array lane_of[LINKS_MOST + 1]
do for [i = 1:links] {
    sum_of[i] = sum_of[i] + used_of[i] * (most_s - since_of[i])
    lane_of[i] = 0
}
do for [n = 1:(links < LANES_MOST ? links : LANES_MOST)] {
    best = 0
    do for [i = 1:links] {
        if (!lane_of[i] && (best == 0 || sum_of[i] > sum_of[best])) {
            best = i
        }
    }
    lane_of[best] = 1
    lanes = n
}
n = 0
do for [i = 1:links] {
    if (lane_of[i]) {
        n = n + 1
        lane_of[i] = n
    }
}

lane_high = 46
left = 300
top = 64
bottom = 56
wide = 1200
high = lanes == 0 ? 140 : top + lane_high * lanes + bottom
unit = most_s < 600 ? 's' : most_s < 7200 ? 'min' : 'h'
unit_s = most_s < 600 ? 1.0 : most_s < 7200 ? 60.0 : 3600.0
title = lanes == 0 ? 'No link was used' : 'Use of the links, share of their capacity'
rest = links > lanes ? sprintf('   the %d busiest of %s%d', lanes, more ? 'more than ' : '', links) : ''

# Each row ends the box that the same link's row before began.
box(t, name, used, capacity) = (link = found(name), lane = link ? lane_of[link] : 0, \
    begin = link ? since_of[link] : 0, share = link ? used_of[link] : 0, \
    link ? (since_of[link] = t) : 0, \
    link ? (used_of[link] = capacity > 0 ? used / capacity : 0) : 0, \
    lane && share > 0 ? 0 : NaN)

unset key
unset ytics
set style fill solid 1.0 noborder

do for [form in 'svg png'] {
    if (form eq 'svg') {
        set terminal svg size wide, high noenhanced font 'sans-serif,13' background '#FFFFFF'
    } else {
        set terminal pngcairo size wide, high noenhanced font 'sans-serif,10' background '#FFFFFF'
    }
    set output 'links.'.form
    set lmargin at screen real(left) / wide
    set rmargin at screen 1 - 60.0 / wide
    set tmargin at screen 1 - real(top) / high
    set bmargin at screen real(bottom) / high
    set label title.rest at screen 20.0 / wide, screen 1 - 26.0 / high left font ',15'
    if (lanes > 0) {
        set label '█ used' at screen 1 - 330.0 / wide, screen 1 - 26.0 / high left textcolor rgb blue
        set label '█ at its capacity (98 % or more)' at screen 1 - 60.0 / wide, screen 1 - 26.0 / high \
            right textcolor rgb vermilion
    }
    if (lanes == 0) {
        unset border
        unset xtics
        set xrange [0:1]
        set yrange [0:1]
        plot NaN
    } else {
        set border 1 linecolor rgb grey
        set xrange [0:(most_s > 0 ? most_s / unit_s * 1.01 : 1)]
        set yrange [lanes:0]
        set xtics out nomirror scale 0.5 textcolor rgb grey
        set grid xtics back linecolor rgb 0xDDDDDD linetype 1
        set xlabel 'time since the start, '.unit textcolor rgb grey
        do for [i = 1:links] {
            since_of[i] = 0
            used_of[i] = 0
            if (lane_of[i]) {
                n = lane_of[i]
                set label label_of[i] at screen 20.0 / wide, first n - 0.45 left
                set label '100 %' at graph 1, first n - 0.8 left offset 0.5, 0 \
                    textcolor rgb grey font ',8'
                set arrow from graph 0, first n - 0.8 to graph 1, first n - 0.8 nohead back \
                    linecolor rgb 0xBBBBBB dashtype (4, 4)
                set arrow from graph 0, first n to graph 1, first n nohead back linecolor rgb grey
            }
        }
        plot data skip 1 using (box($1, strcol(2).' '.strcol(3), $4, $5)):(lane):(begin / unit_s): \
                ($1 / unit_s):(lane - 0.8 * (share > 1 ? 1 : share)):(lane): \
                (share >= FULL ? vermilion : blue) with boxxyerror linecolor rgb variable
    }
    unset label
    unset arrow
    unset output
}
