# SPDX-License-Identifier: GPL-3.0-or-later
# rolling: when each host is emptied in a maintenance of all of them, stage by stage. Draws rolling.svg and
# rolling.png from rolling.csv, which `lockkeeper plan --rolling` writes with --plots; run it again with
# `gnuplot rolling.gp` in that folder. A bar is the time in which a host's guests leave; one without guests is
# a point. Up to ROWS_MOST hosts are named. The colours are Okabe and Ito's, one stage the one, the next the
# other.

set encoding utf8
set datafile separator ','
data = 'rolling.csv'
ROWS_MOST = 60

grey = 0x555555
array fill[2] = [0x0072B2, 0xE69F00]
cut(s, n) = strlen(s) > n ? s[1:n - 1].'…' : s
seconds(t) = t < 99.95 ? sprintf('%.1f s', t) : t < 600 ? sprintf('%.0f s', t) : \
    t < 7200 ? sprintf('%.0f min', t / 60) : sprintf('%.1f h', t / 3600)

rows = 0
stages = 0
moves = 0
most_s = 0
longest = 4
tally(stage, host, end, n) = (rows = rows + 1, stages = stage > stages ? stage : stages, moves = moves + n, \
    end > most_s ? (most_s = end) : 0, longest = strlen(host) > longest ? strlen(host) : longest, rows)
set table $NOTHING
plot data skip 1 using (tally(int($1), strcol(2), $4, int($5))) with table
unset table

named = rows <= ROWS_MOST
rows_high = named ? 24 * rows : 4 * rows < 1200 ? 4 * rows : 1200
name_most = longest < 28 ? longest : 28
left = named ? 30 + 8 * name_most + 90 : 90
wide = left + 880
top = 64
high = rows == 0 ? 140 : top + rows_high + 56
unit = most_s < 600 ? 's' : most_s < 7200 ? 'min' : 'h'
unit_s = most_s < 600 ? 1.0 : most_s < 7200 ? 60.0 : 3600.0
axis_most = most_s > 0 ? most_s / unit_s * (named ? 1.15 : 1.02) : 1.0
title = rows == 0 ? 'No host to maintain' : \
    sprintf('Rolling maintenance   %d hosts in %d stages, %d moves, %s', rows, stages, moves, seconds(most_s))
said(n, t) = n == 0 ? ' nothing to move' : sprintf(' %d move%s, %s', n, n == 1 ? '' : 's', seconds(t))

do for [form in 'svg png'] {
    if (form eq 'svg') {
        set terminal svg size wide, high noenhanced font 'sans-serif,13' background '#FFFFFF'
    } else {
        set terminal pngcairo size wide, high noenhanced font 'sans-serif,10' background '#FFFFFF'
    }
    set output 'rolling.'.form
    unset key
    unset ytics
    set style fill solid 1.0 noborder
    set lmargin at screen real(left) / wide
    set rmargin at screen (wide - 20.0) / wide
    set tmargin at screen 1 - real(top) / high
    set bmargin at screen 56.0 / high
    set label 1 title at screen 20.0 / wide, screen 1 - 28.0 / high left font ',15'
    if (rows == 0) {
        unset border
        unset xtics
        set xrange [0:1]
        set yrange [0:1]
        plot NaN
    } else {
        set border 1 linecolor rgb grey
        set xrange [0:axis_most]
        set yrange [rows - 0.5:-0.5]
        set xtics out nomirror scale 0.5 textcolor rgb grey
        set grid xtics back linecolor rgb 0xDDDDDD linetype 1
        set xlabel 'time since the start, '.unit textcolor rgb grey
        if (!named) {
            set ylabel sprintf('%d hosts, in the order of their stages', rows) textcolor rgb grey
        }
        plot data skip 1 using (0):0:($3 / unit_s):($4 / unit_s):($0 - (named ? 0.32 : 0.5)): \
                ($0 + (named ? 0.32 : 0.5)):(fill[int($1) % 2 + 1]) with boxxyerror linecolor rgb variable, \
            '' skip 1 using (int($5) == 0 ? $3 / unit_s : NaN):0:(fill[int($1) % 2 + 1]) with points \
                pointtype 7 pointsize 0.6 linecolor rgb variable, \
            '' skip 1 using ($4 / unit_s):0:(named ? said(int($5), $4 - $3) : '') with labels left, \
            '' skip 1 using (0):0:(named ? 'stage '.strcol(1).'  ' : '') with labels right \
                textcolor rgb grey, \
            '' skip 1 using (0):0:(named ? cut(strcol(2), name_most) : '') \
                with labels left offset screen -(left - 20.0) / wide, 0
    }
    unset label
    unset output
}
