# SPDX-License-Identifier: GPL-3.0-or-later
# hours: how long a rolling maintenance takes when it begins at each hour of the day, and how long the worst
# guest stands still. Draws hours.svg and hours.png from hours.csv, which `lockkeeper plan --rolling` writes
# with --by-hour and --plots; run it again with `gnuplot hours.gp` in that folder. Lines are from the 10th to
# the 90th percentile; the best hour is the dark one, one in which a migration does not finish is hollow.

set encoding utf8
set datafile separator ','
data = 'hours.csv'

grey = 0x555555
blue = 0x56B4E9
dark = 0x0072B2
seconds(t) = t < 99.95 ? sprintf('%.1f s', t) : t < 600 ? sprintf('%.0f s', t) : \
    t < 7200 ? sprintf('%.0f min', t / 60) : sprintf('%.1f h', t / 3600)

most_s = 0
best = 0
best_s = 0
tally(hour, p50, p90, is_best) = (p90 > most_s ? (most_s = p90) : 0, \
    is_best ? (best = hour, best_s = p50) : 0, hour)
set table $NOTHING
plot data skip 1 using (tally(int($1), $3, $4, int($9))) with table
unset table
unit = most_s < 600 ? 's' : most_s < 7200 ? 'min' : 'h'
unit_s = most_s < 600 ? 1.0 : most_s < 7200 ? 60.0 : 3600.0
wide = 1000
high = 560
title = sprintf('By the hour at which it begins   best at %d:00, %s', best, seconds(best_s))

do for [form in 'svg png'] {
    if (form eq 'svg') {
        set terminal svg size wide, high noenhanced font 'sans-serif,13' background '#FFFFFF'
    } else {
        set terminal pngcairo size wide, high noenhanced font 'sans-serif,10' background '#FFFFFF'
    }
    set output 'hours.'.form
    set multiplot
    unset key
    set lmargin at screen 90.0 / wide
    set rmargin at screen (wide - 24.0) / wide
    set border 3 linecolor rgb grey
    set xrange [-0.6:23.6]
    set xtics 0, 1, 23 nomirror scale 0 textcolor rgb grey
    set ytics nomirror out scale 0.5 textcolor rgb grey
    set grid ytics back linecolor rgb 0xDDDDDD linetype 1
    set style fill solid 1.0 noborder
    set label 1 title at screen 20.0 / wide, screen 1 - 28.0 / high left font ',15'
    set tmargin at screen 1 - 60.0 / high
    set bmargin at screen 300.0 / high
    set yrange [0:*]
    set ylabel 'time, '.unit textcolor rgb grey
    plot data skip 1 using 1:($3 / unit_s):($1 - 0.36):($1 + 0.36):(0):($3 / unit_s): \
            (int($9) ? dark : int($8) ? blue : 0xFFFFFF) with boxxyerror linecolor rgb variable, \
        '' skip 1 using 1:(int($8) ? NaN : $3 / unit_s):($1 - 0.36):($1 + 0.36):(0):($3 / unit_s) \
            with boxxyerror fillstyle empty border linecolor rgb grey, \
        '' skip 1 using 1:($2 / unit_s):(0):(($4 - $2) / unit_s) with vectors nohead linecolor rgb 'black' \
            linewidth 1.5
    unset label 1
    set tmargin at screen 1 - 300.0 / high
    set bmargin at screen 56.0 / high
    set ylabel 'worst downtime, ms' textcolor rgb grey
    set xlabel 'hour of the day' textcolor rgb grey
    plot data skip 1 using 1:5:($1 - 0.36):($1 + 0.36):(0):5:(int($9) ? dark : blue) \
            with boxxyerror linecolor rgb variable
    unset xlabel
    unset multiplot
    unset output
}
